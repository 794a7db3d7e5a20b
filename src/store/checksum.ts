import { crc32 } from 'node:zlib';

/**
 * Stored with every record (CRC-32, an unsigned integer): SQLite itself does not notice changed bytes in a page as long as its structure is valid.
 */
export function recordChecksum(kind: string, id: string, version: number, value: string): number {
  return crc32(value, crc32(`${kind}\0${id}\0${version}\0`));
}
