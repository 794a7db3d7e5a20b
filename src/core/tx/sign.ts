import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Brand } from '../base/brand.ts';
import { concatBytes } from '../base/bytes.ts';

/** A compressed secp256k1 point: 33 bytes, on the curve. */
export type PublicKey = Brand<Uint8Array, 'PublicKey'>;
/** r and s, 32 bytes each, big-endian, s in the lower half of the order (BIP62): the only form that is stored or compared. */
export type Signature = Brand<Uint8Array, 'Signature'>;

/** ECDSA verification over a 32-byte digest. Backends differ in speed only; all refuse a high s. */
export type Verify = (signature: Signature, digest: Uint8Array, publicKey: PublicKey) => boolean;

/** Holds one private key. Signing is synchronous, local and deterministic (RFC 6979). */
export interface Signer {
  readonly publicKey: PublicKey;
  readonly sign: (digest: Uint8Array) => Signature;
}

const ORDER = secp256k1.Point.CURVE().n;
const HALF_ORDER = ORDER >> 1n;

/** Undefined unless 33 bytes that are a point on the curve. */
export function publicKey(bytes: Uint8Array): PublicKey | undefined {
  return bytes.length === 33 && secp256k1.utils.isValidPublicKey(bytes, true) ? (bytes as PublicKey) : undefined;
}

/** Undefined unless 64 bytes with r and s in range and s low. */
export function signature(bytes: Uint8Array): Signature | undefined {
  if (bytes.length !== 64) return undefined;
  const r = integer(bytes.subarray(0, 32));
  const s = integer(bytes.subarray(32));
  return r > 0n && r < ORDER && s > 0n && s <= HALF_ORDER ? (bytes as Signature) : undefined;
}

function integer(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** A signer over a raw private key. @throws when the key is not 1 … n-1. */
export function signer(privateKey: Uint8Array): Signer {
  const key = privateKey.slice();
  return {
    publicKey: secp256k1.getPublicKey(key, true) as PublicKey,
    sign: (digest) => secp256k1.sign(digest, key, { prehash: false, lowS: true }) as Signature,
  };
}

/** The portable verifier: audited, runs everywhere, slower than native code. */
export const verifyPortable: Verify = (sig, digest, key) => secp256k1.verify(sig, digest, key, { prehash: false, lowS: true });

/** DER and the hash type behind it: the form scripts carry (BIP66). */
export function encodeSignature(sig: Signature, hashType: number): Uint8Array {
  const r = derInteger(sig.subarray(0, 32));
  const s = derInteger(sig.subarray(32));
  return concatBytes(Uint8Array.of(0x30, r.length + s.length), r, s, Uint8Array.of(hashType));
}

function derInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < 31 && bytes[start] === 0) start++;
  const padded = (bytes[start] ?? 0) >= 0x80 ? [0] : [];
  return Uint8Array.of(0x02, 32 - start + padded.length, ...padded, ...bytes.subarray(start));
}

/** What a script's signature bytes hold, or why relay would drop them. */
export type DecodedSignature =
  | { readonly kind: 'signature'; readonly signature: Signature; readonly hashType: number }
  | { readonly kind: 'not-der' }
  | { readonly kind: 'high-s' };

/** Reads strict DER with a low s and its hash type byte, as relay does: a stranger form verifies in blocks but is not passed on. */
export function decodeSignature(bytes: Uint8Array): DecodedSignature {
  if (!isStrictDer(bytes)) return { kind: 'not-der' };
  const rLength = bytes[3] ?? 0;
  const r = bytes.subarray(4, 4 + rLength);
  const s = bytes.subarray(6 + rLength, bytes.length - 1);
  if (stripped(r).length > 32 || stripped(s).length > 32) return { kind: 'not-der' };
  const compact = new Uint8Array(64);
  compact.set(stripped(r), 32 - stripped(r).length);
  compact.set(stripped(s), 64 - stripped(s).length);
  if (integer(compact.subarray(32)) > HALF_ORDER) return { kind: 'high-s' };
  const sig = signature(compact);
  return sig === undefined ? { kind: 'not-der' } : { kind: 'signature', signature: sig, hashType: bytes[bytes.length - 1] ?? 0 };
}

function stripped(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}

/** BIP66's form, hash type byte included (`interpreter.cpp`, IsValidSignatureEncoding). */
export function isStrictDer(bytes: Uint8Array): boolean {
  const at = (i: number): number => bytes[i] ?? 0;
  const rLength = at(3);
  const sLength = at(5 + rLength);
  return (
    bytes.length >= 9 &&
    bytes.length <= 73 &&
    at(0) === 0x30 &&
    at(1) === bytes.length - 3 &&
    5 + rLength < bytes.length &&
    rLength + sLength + 7 === bytes.length &&
    isDerInteger(bytes.subarray(2, 4 + rLength)) &&
    isDerInteger(bytes.subarray(4 + rLength, bytes.length - 1))
  );
}

/** Tag 2, a length of at least one, not negative, no needless leading zero. */
function isDerInteger(bytes: Uint8Array): boolean {
  const [tag, length, first = 0, second = 0] = bytes;
  return tag === 2 && length !== 0 && bytes.length > 2 && first < 0x80 && !(bytes.length > 3 && first === 0 && second < 0x80);
}
