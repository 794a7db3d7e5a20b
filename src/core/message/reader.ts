import { type Amount, isAmount } from '../base/amount.ts';
import type { RefusalCode } from '../base/refusal.ts';

/** Thrown inside decoders and turned into a refusal at their edge: never seen outside `message/`. */
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

/** Reads fixed fields as pawment's own messages have them, integers big-endian. */
export class ByteReader extends Reader {
  uint32(): number {
    return this.view.getUint32(this.advance(4));
  }

  amount(): Amount {
    const value = this.view.getBigUint64(this.advance(8));
    if (!isAmount(value)) throw new Malformed('amount out of range');
    return value;
  }
}

/** Writes what `ByteReader` reads; integers are big-endian. */
export function uint8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

export function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}
