import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { bytesToHex, concatBytes, hexToBytes } from '../core/base/bytes.ts';
import type { Random } from '../engine/ports.ts';

const NAME_BYTES = 6;
const NONCE_BYTES = 6;

/** What the id of an invoice with a hash says of it. */
export interface HashedId {
  /** Unix time in milliseconds, whole seconds. */
  readonly expires: number;
  /** Of the item: the start of its name's SHA-256, in hex. */
  readonly name: string;
}

/**
 * The id of an invoice that is not stored until it is paid: strangers may ask for one, so whatever was kept for it they could fill. It says what is sold
 * and until when, and the hash follows from it by the channel's key. So a lock under that hash proves that this payee has made the invoice.
 * Four bytes of seconds, six of the item's name, six at random.
 */
export function hashedInvoiceId(item: string, expires: number, random: Random): string {
  const seconds = new Uint8Array(4);
  new DataView(seconds.buffer).setUint32(0, expires / 1000);
  return bytesToHex(concatBytes(seconds, nameOf(item), random.bytes(NONCE_BYTES)));
}

export function readHashedId(id: string): HashedId | undefined {
  if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
  const bytes = hexToBytes(id);
  const expires = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) * 1000;
  return { expires, name: bytesToHex(bytes.subarray(4, 4 + NAME_BYTES)) };
}

export function isNamed(item: string, { name }: HashedId): boolean {
  return bytesToHex(nameOf(item)) === name;
}

function nameOf(item: string): Uint8Array {
  return sha256(utf8ToBytes(item)).subarray(0, NAME_BYTES);
}
