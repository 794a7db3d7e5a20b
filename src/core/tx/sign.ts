import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Branded } from '../base/branded-type.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../base/bytes.ts';
import { lruCache } from '../base/lru.ts';

/** A compressed secp256k1 point: 33 bytes, on the curve. */
export type PublicKey = Branded<Uint8Array, 'PublicKey'>;
/** r and s, 32 bytes each, big-endian, s in the lower half of the order (BIP62): the only form that is stored or compared. */
export type Signature = Branded<Uint8Array, 'Signature'>;

/** ECDSA verification of a 32-byte digest. Implementations differ in speed only; all refuse a high s. */
export type Verify = (signature: Signature, digest: Uint8Array, publicKey: PublicKey) => boolean;

/** Holds one private key. Signing is synchronous, local and deterministic (RFC 6979). */
export interface Signer {
  readonly publicKey: PublicKey;
  readonly sign: (digest: Uint8Array) => Signature;
  /** 32 bytes that only the holder of the key can make, the same for each label every time. */
  readonly secret: (label: string) => Uint8Array;
  /** The key made from that secret: it does not reveal this one. */
  readonly derived: (label: string) => Signer;
}

// Written out (SEC 2): whoever only reads signatures needs nothing else of the curve.
const ORDER_BYTES: Uint8Array = hexToBytes('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141');
const HALF_ORDER_BYTES: Uint8Array = hexToBytes('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0');

// Checking a key takes a square root, and the same few keys appear in every message and stored state.
const isPoint = lruCache<string, boolean>(10_000);

/** Undefined unless the bytes are 33 and a point on the curve. */
export function publicKey(bytes: Uint8Array): PublicKey | undefined {
  if (bytes.length !== 33) return undefined;
  const name = bytesToHex(bytes);
  const known = isPoint.get(name) ?? secp256k1.utils.isValidPublicKey(bytes, true);
  isPoint.set(name, known);
  return known ? (bytes as PublicKey) : undefined;
}

/** What 64 bytes from a stranger are: a signature, one with a high s, or no signature. */
export function readCompact(bytes: Uint8Array): Signature | 'high-s' | 'malformed' {
  if (bytes.length !== 64) return 'malformed';
  const [r, s] = [bytes.subarray(0, 32), bytes.subarray(32)];
  if (isZero(r) || isZero(s) || compare(r, ORDER_BYTES) >= 0 || compare(s, ORDER_BYTES) >= 0) return 'malformed';
  return compare(s, HALF_ORDER_BYTES) > 0 ? 'high-s' : (bytes as Signature);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const i = a.findIndex((byte, at) => byte !== b[at]);
  return i < 0 ? 0 : (a[i] ?? 0) - (b[i] ?? 0);
}

/** A signer for a raw private key. @throws when the key is not 1 … n-1. */
export function signer(privateKey: Uint8Array): Signer {
  const key = privateKey.slice();
  return {
    publicKey: secp256k1.getPublicKey(key, true) as PublicKey,
    sign: (digest) => secp256k1.sign(digest, key, { prehash: false, lowS: true }) as Signature,
    secret: (label) => secretOf(key, label),
    derived: (label) => signer(secretOf(key, label)),
  };
}

/** HMAC-SHA256, with the private key, of a prefix and the label. Nothing else uses that prefix with a key. It reveals nothing of the key. */
export function secretOf(privateKey: Uint8Array, label: string): Uint8Array {
  return hmac(sha256, privateKey, utf8ToBytes(`pawment/secret/${label}`));
}

/** The portable verifier: audited, runs everywhere, slower than native code. */
export const verifyPortable: Verify = (sig, digest, key) => secp256k1.verify(sig, digest, key, { prehash: false, lowS: true });

/** DER and the hash type after it: the form in scripts (BIP66). */
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

export interface TypedSignature {
  readonly signature: Signature;
  readonly hashType: number;
}

/** A script's signature, or why nodes would not relay it. */
export type DecodedSignature = TypedSignature | 'high-s' | 'malformed';

/** Reads strict DER with a low s and its hash type byte, as nodes do before they relay: other forms are valid in blocks but not relayed. */
export function decodeSignature(bytes: Uint8Array): DecodedSignature {
  const compact = compactFrom(bytes);
  const signature = compact === undefined ? 'malformed' : readCompact(compact);
  return typeof signature === 'string' ? signature : { signature, hashType: bytes[bytes.length - 1] ?? 0 };
}

/** The same for signers that do not choose the low s: a high s is negated, which is valid for the same digest and key. */
export function decodeLowered(bytes: Uint8Array): Exclude<DecodedSignature, 'high-s'> {
  const compact = compactFrom(bytes);
  if (compact === undefined) return 'malformed';
  if (readCompact(compact) === 'high-s')
    compact.set(hexToBytes((bytesToNumber(ORDER_BYTES) - bytesToNumber(compact.subarray(32))).toString(16).padStart(64, '0')), 32);
  const signature = readCompact(compact);
  return typeof signature === 'string' ? 'malformed' : { signature, hashType: bytes[bytes.length - 1] ?? 0 };
}

function compactFrom(bytes: Uint8Array): Uint8Array | undefined {
  if (!isStrictDer(bytes)) return undefined;
  const rLength = bytes[3] ?? 0;
  const r = stripped(bytes.subarray(4, 4 + rLength));
  const s = stripped(bytes.subarray(6 + rLength, bytes.length - 1));
  if (r.length > 32 || s.length > 32) return undefined;
  const compact = new Uint8Array(64);
  compact.set(r, 32 - r.length);
  compact.set(s, 64 - s.length);
  return compact;
}

function bytesToNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes)}`);
}

function stripped(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}

/** The form of BIP66, hash type byte included (`interpreter.cpp`, IsValidSignatureEncoding). */
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

/** Tag 2, a length of at least one, not negative, no unnecessary leading zero. */
function isDerInteger(bytes: Uint8Array): boolean {
  const [tag, length, first = 0, second = 0] = bytes;
  return tag === 2 && length !== 0 && bytes.length > 2 && first < 0x80 && !(bytes.length > 3 && first === 0 && second < 0x80);
}
