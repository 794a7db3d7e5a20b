import { Malformed, Reader } from '../base/reader.ts';

/** Reads fields of transactions and PSBTs, integers little-endian; a length that is not in its shortest form is `Malformed`. */
export class WireReader extends Reader {
  uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  uint64(): bigint {
    return this.view.getBigUint64(this.advance(8), true);
  }

  /** Bytes with their length before them. */
  prefixed(): Uint8Array {
    return this.bytes(this.#length());
  }

  /** Items with their count before them. */
  list<Item>(read: (reader: WireReader) => Item): readonly Item[] {
    const items: Item[] = [];
    for (let left = this.#length(); left > 0; left--) items.push(read(this));
    return items;
  }

  /** CompactSize (`serialize.h`) of up to four bytes: no message holds anything longer. */
  #length(): number {
    const first = this.uint8();
    if (first < 0xfd) return first;
    const length = first === 0xfd ? this.view.getUint16(this.advance(2), true) : first === 0xfe ? this.uint32() : 0;
    if (length < (first === 0xfd ? 0xfd : 0x1_0000)) throw new Malformed('a length is not in its shortest form');
    return length;
  }
}
