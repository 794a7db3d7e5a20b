import { crc32 } from 'node:zlib';

/** Kept beside every record (CRC-32, an unsigned integer): SQLite itself takes a page with other bytes in it for whole, as long as its outline is. */
export function recordChecksum(kind: string, id: string, version: number, value: string): number {
  return crc32(value, crc32(`${kind}\0${id}\0${version}\0`));
}
