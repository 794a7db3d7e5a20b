import type { RefusalCode } from './refusal.ts';

/** Thrown inside decoders, which turn it into a refusal before they return: callers never see it. */
export class Malformed extends Error {
  readonly code: RefusalCode;

  constructor(reason: string, code: RefusalCode = 'message-malformed') {
    super(reason);
    this.code = code;
  }
}

/** A read position in bytes from a stranger. It only moves forward; every read past the end is `Malformed`. */
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
    if (!this.isAtEnd) throw new Malformed('there are bytes after its end');
  }

  /** Moves forward by `length` bytes and returns where they start. */
  protected advance(length: number): number {
    const start = this.#offset;
    if (start + length > this.#bytes.length) throw new Malformed('it ends too early');
    this.#offset = start + length;
    return start;
  }
}
