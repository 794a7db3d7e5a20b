import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import type { Branded } from './branded-type.ts';

export { bytesToHex, concatBytes, hexToBytes };

/** A transaction's double SHA-256 as nodes print it: 64 lowercase hex digits, byte-reversed. */
export type TxId = Branded<string, 'TxId'>;
/** SHA-256 over tag, genesis hash and redeem script: 64 lowercase hex digits. See `channel/identity.ts`. */
export type ChannelId = Branded<string, 'ChannelId'>;

const HASH = /^[0-9a-f]{64}$/;

export function isTxId(text: string): text is TxId {
  return HASH.test(text);
}

/** @throws TypeError unless 64 lowercase hex digits. */
export function txId(text: string): TxId {
  if (!isTxId(text)) throw new TypeError(`${text} is not a transaction id`);
  return text;
}

export function isChannelId(text: string): text is ChannelId {
  return HASH.test(text);
}

/** @throws TypeError unless 64 lowercase hex digits. */
export function channelId(text: string): ChannelId {
  if (!isChannelId(text)) throw new TypeError(`${text} is not a channel id`);
  return text;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Hex to bytes for text from outside; undefined unless it is whole bytes of hex. */
export function parseHex(text: string): Uint8Array | undefined {
  return text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text) ? hexToBytes(text) : undefined;
}
