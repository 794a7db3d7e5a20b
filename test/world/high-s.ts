import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/core/base/bytes.ts';

const { n: ORDER } = secp256k1.Point.CURVE();

/** The same signature, DER and hash type, with the other s: as valid in blocks, and not relayed. */
export function highS(signature: Uint8Array): Uint8Array {
  const rLength = signature[3] ?? 0;
  const r = signature.subarray(2, 4 + rLength);
  const s = BigInt(`0x${bytesToHex(signature.subarray(6 + rLength, -1))}`);
  const bytes = hexToBytes((ORDER - s).toString(16).padStart(64, '0'));
  const other = (bytes[0] ?? 0) < 0x80 ? bytes : concatBytes(Uint8Array.of(0), bytes);
  const body = concatBytes(r, Uint8Array.of(2, other.length), other);
  return concatBytes(Uint8Array.of(0x30, body.length), body, signature.subarray(-1));
}
