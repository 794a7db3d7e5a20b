import type { RefusalCode } from './refusal.ts';

/** Thrown inside decoders and turned into a refusal at their edge: never seen outside those. */
export class Malformed extends Error {
  readonly code: RefusalCode;

  constructor(reason: string, code: RefusalCode = 'message-malformed') {
    super(reason);
    this.code = code;
  }
}

/** A place in a stranger's bytes that only moves on; every read past the end is `Malformed`. */
export class Reader {
  protected readonly view: DataView;
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  bytes(length: number): Uint8Array {
    const start = this.advance(length);
    return this.#bytes.slice(start, start + length);
  }

  uint8(): number {
    return this.view.getUint8(this.advance(1));
  }

  /** How many bytes have been read. */
  get at(): number {
    return this.#offset;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  end(): void {
    if (!this.isAtEnd) throw new Malformed('bytes behind the end');
  }

  /** Where the next `length` bytes start. */
  protected advance(length: number): number {
    const start = this.#offset;
    if (start + length > this.#bytes.length) throw new Malformed('ends too early');
    this.#offset = start + length;
    return start;
  }
}
