/** Writes what `WireReader` reads, into bytes of a known length. @throws RangeError for a number that does not fit its field. */
export class WireWriter {
  readonly whole: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(size: number) {
    this.whole = new Uint8Array(size);
    this.#view = new DataView(this.whole.buffer);
  }

  int32(value: number): void {
    held(value, value === (value | 0));
    this.#view.setInt32(this.#advance(4), value, true);
  }

  uint32(value: number): void {
    held(value, value === value >>> 0);
    this.#view.setUint32(this.#advance(4), value, true);
  }

  uint64(value: bigint): void {
    held(value, value === BigInt.asUintN(64, value));
    this.#view.setBigUint64(this.#advance(8), value, true);
  }

  bytes(bytes: Uint8Array): void {
    this.whole.set(bytes, this.#advance(bytes.length));
  }

  /** Bytes with their length before them. */
  prefixed(bytes: Uint8Array): void {
    this.size(bytes.length);
    this.bytes(bytes);
  }

  /** A count or a length as CompactSize (`serialize.h`). */
  size(size: number): void {
    const width = sizeBytes(size);
    if (width > 1) this.#view.setUint8(this.#advance(1), width === 3 ? 0xfd : 0xfe);
    if (width === 1) this.#view.setUint8(this.#advance(1), size);
    else if (width === 3) this.#view.setUint16(this.#advance(2), size, true);
    else this.uint32(size);
  }

  #advance(length: number): number {
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

/** How many bytes a count or a length takes as CompactSize; nothing written here has 2^32 parts. */
export function sizeBytes(size: number): number {
  if (size < 0xfd) return 1;
  return size <= 0xffff ? 3 : 5;
}

function held(value: number | bigint, isHeld: boolean): void {
  if (!isHeld) throw new RangeError(`${value} does not fit its field`);
}
