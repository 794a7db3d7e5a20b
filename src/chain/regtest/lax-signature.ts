import { secp256k1 } from '@noble/curves/secp256k1.js';
import { concatBytes } from '../../core/base/bytes.ts';
import { type PublicKey, publicKey, readCompact, type Signature } from '../../core/tx/sign.ts';

const ORDER = secp256k1.Point.CURVE().n;
const HALF_ORDER = ORDER >> 1n;

/**
 * Reads a DER signature as consensus did before BIP66, and converts it to the equivalent low-s form (`pubkey.cpp`, ecdsa_signature_parse_der_lax, and
 * `CPubKey::Verify`). Undefined when it could never verify.
 */
export function readLaxSignature(bytes: Uint8Array): Signature | undefined {
  if (bytes[0] !== 0x30) return undefined;
  const body = skipLength(bytes, 1);
  const r = body === undefined ? undefined : laxInteger(bytes, body);
  const s = r === undefined ? undefined : laxInteger(bytes, r.end);
  if (r === undefined || s === undefined || r.value >= ORDER || s.value >= ORDER) return undefined;
  const low = s.value > HALF_ORDER ? ORDER - s.value : s.value;
  const compact = readCompact(concatBytes(to32Bytes(r.value), to32Bytes(low)));
  return typeof compact === 'string' ? undefined : compact;
}

/** True when strict DER holds an s in the upper half (`CPubKey::CheckLowS`). */
export function hasHighS(der: Uint8Array): boolean {
  const r = laxInteger(der, 2);
  const s = r === undefined ? undefined : laxInteger(der, r.end);
  return r !== undefined && s !== undefined && r.value < ORDER && s.value > HALF_ORDER && s.value < ORDER;
}

/** The compressed form of any public key that consensus accepts: compressed, uncompressed or hybrid. Undefined unless it is on the curve. */
export function readPublicKey(bytes: Uint8Array): PublicKey | undefined {
  if (bytes.length === 33) return publicKey(bytes);
  const [prefix = 0] = bytes;
  const parity = 0x02 | ((bytes[64] ?? 0) & 1);
  const isHybrid = prefix === 0x06 || prefix === 0x07;
  if (bytes.length !== 65 || !(prefix === 0x04 || isHybrid) || (isHybrid && (prefix & 1) !== (parity & 1))) return undefined;
  const uncompressed = concatBytes(Uint8Array.of(0x04), bytes.subarray(1));
  if (!secp256k1.utils.isValidPublicKey(uncompressed, false)) return undefined;
  return publicKey(concatBytes(Uint8Array.of(parity), bytes.subarray(1, 33)));
}

/** The offset after a length field whose value does not matter. */
function skipLength(bytes: Uint8Array, offset: number): number | undefined {
  const first = bytes[offset];
  if (first === undefined) return undefined;
  const extra = (first & 0x80) === 0 ? 0 : first - 0x80;
  return offset + 1 + extra > bytes.length ? undefined : offset + 1 + extra;
}

function laxInteger(bytes: Uint8Array, offset: number): { readonly value: bigint; readonly end: number } | undefined {
  if (bytes[offset] !== 0x02) return undefined;
  const length = laxLength(bytes, offset + 1);
  if (length === undefined || length.size > bytes.length - length.end) return undefined;
  const end = length.end + length.size;
  let value = 0n;
  for (const byte of bytes.subarray(length.end, end)) value = (value << 8n) | BigInt(byte);
  return { value, end };
}

function laxLength(bytes: Uint8Array, offset: number): { readonly size: number; readonly end: number } | undefined {
  const first = bytes[offset];
  if (first === undefined) return undefined;
  if ((first & 0x80) === 0) return { size: first, end: offset + 1 };
  const end = offset + 1 + (first - 0x80);
  if (end > bytes.length) return undefined;
  let size = 0;
  for (const byte of bytes.subarray(offset + 1, end)) size = size * 256 + byte;
  return size >= 2 ** 32 ? undefined : { size, end };
}

function to32Bytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  let rest = value;
  for (let i = 31; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}
