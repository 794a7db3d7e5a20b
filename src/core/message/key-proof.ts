import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { bytesToHex, type ChannelId, concatBytes, hexToBytes } from '../base/bytes.ts';
import { type Height, isHeight } from '../base/height.ts';
import { type PublicKey, readCompact, type Signature, type Signer, type Verify } from '../tx/sign.ts';
import { uint32 } from './byte-reader.ts';

/**
 * The digest that a proof of a key signs: SHA-256 of the purpose and the parts. It can't equal the digest of a transaction, which is hashed twice, or
 * that of another purpose.
 */
export function proofDigest(purpose: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(utf8ToBytes(purpose), ...parts));
}

/**
 * Proves that the sender of a request about a channel had its payer key at a certain block. Anyone who sees the proof can use it too, until it is too
 * old.
 */
export interface Proof {
  /** The last block that the payer knew. */
  readonly height: Height;
  readonly signature: Signature;
}

/** Requests that a payee answers for the payer only. A payment needs no extra proof: it is one. */
export type Asked = 'state-request' | 'invoice-request' | 'sync' | 'quote-request' | 'forward';

const NOTHING = new Uint8Array();

function digestOf(asked: Asked, channel: ChannelId, height: Height, said: Uint8Array): Uint8Array {
  return proofDigest(`pawment/${asked}/1`, hexToBytes(channel), uint32(height), said);
}

/** `said`: what is said with the request, and must not be changed on its way. */
export function proofFor(asked: Asked, channel: ChannelId, height: Height, { sign }: Signer, said: Uint8Array = NOTHING): Proof {
  return { height, signature: sign(digestOf(asked, channel, height, said)) };
}

export function isProofFor(
  asked: Asked,
  channel: ChannelId,
  { height, signature }: Proof,
  payerKey: PublicKey,
  verify: Verify,
  said: Uint8Array = NOTHING,
): boolean {
  return verify(signature, digestOf(asked, channel, height, said), payerKey);
}

/** `height.signature`, the signature in hex: the part after `Pawment ` in an Authorization header. */
export function writeProof({ height, signature }: Proof): string {
  return `${height}.${bytesToHex(signature)}`;
}

export function readProof(text: string): Proof | undefined {
  const [, digits = '', hex = ''] = /^(0|[1-9][0-9]{0,8})\.([0-9a-f]{128})$/.exec(text) ?? [];
  if (hex === '') return undefined;
  const [height, signature] = [Number(digits), readCompact(hexToBytes(hex))];
  return isHeight(height) && typeof signature !== 'string' ? { height, signature } : undefined;
}
