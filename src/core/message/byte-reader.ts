import { type Amount, isAmount } from '../base/amount.ts';
import { Malformed, Reader } from '../base/reader.ts';

/** Reads fixed fields of pawment's own messages, integers big-endian. */
export class ByteReader extends Reader {
  uint16(): number {
    return this.view.getUint16(this.advance(2));
  }

  uint32(): number {
    return this.view.getUint32(this.advance(4));
  }

  amount(): Amount {
    const value = this.view.getBigUint64(this.advance(8));
    if (!isAmount(value)) throw new Malformed('an amount is out of range');
    return value;
  }
}

/** Writes what `ByteReader` reads; integers are big-endian. */
export function uint8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
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
