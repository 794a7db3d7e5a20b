import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { bytesToHex, type ChannelId, concatBytes, hexToBytes } from '../base/bytes.ts';
import { type Height, isHeight } from '../base/height.ts';
import { type PublicKey, readCompact, type Signature, type Signer, type Verify } from '../tx/sign.ts';
import { uint32 } from './byte-reader.ts';

/**
 * What a signature that shows a key is over: SHA-256 of the purpose and the parts. No transaction's digest is one, for those are hashed twice, and no
 * purpose's is another's.
 */
export function proofDigest(purpose: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(utf8ToBytes(purpose), ...parts));
}

/** Shows that whoever asks something about a channel has its payer key, and had it at a block. Who reads it can show it too, until it is too old. */
export interface Proof {
  /** The last block that the payer knew. */
  readonly height: Height;
  readonly signature: Signature;
}

/** What a payee tells nobody but the payer. A payment needs no proof besides: it is one. */
export type Asked = 'state-request' | 'invoice-request';

function digestOf(asked: Asked, channel: ChannelId, height: Height): Uint8Array {
  return proofDigest(`pawment/${asked}/1`, hexToBytes(channel), uint32(height));
}

export function proofFor(asked: Asked, channel: ChannelId, height: Height, { sign }: Signer): Proof {
  return { height, signature: sign(digestOf(asked, channel, height)) };
}

export function isProofFor(asked: Asked, channel: ChannelId, { height, signature }: Proof, payerKey: PublicKey, verify: Verify): boolean {
  return verify(signature, digestOf(asked, channel, height), payerKey);
}

/** `height.signature`, the signature in hex: what stands behind `Pawment ` in an Authorization header. */
export function writeProof({ height, signature }: Proof): string {
  return `${height}.${bytesToHex(signature)}`;
}

export function readProof(text: string): Proof | undefined {
  const [, digits = '', hex = ''] = /^(0|[1-9][0-9]{0,8})\.([0-9a-f]{128})$/.exec(text) ?? [];
  if (hex === '') return undefined;
  const [height, signature] = [Number(digits), readCompact(hexToBytes(hex))];
  return isHeight(height) && typeof signature !== 'string' ? { height, signature } : undefined;
}
