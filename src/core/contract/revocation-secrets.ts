import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes } from '../base/bytes.ts';

/** Bits of a secret's number, as in BOLT 3. */
const INDEX_BITS = 48;
const LAST = 2 ** INDEX_BITS - 1;
const SECRET_BYTES = 32;

/** The few secrets from which all those shown so far follow: one for each bit that is set in their count, oldest first. */
export type RevocationSecrets = readonly { readonly index: number; readonly secret: Uint8Array }[];

/**
 * The secret that is shown as number `index` (BOLT 3, "Per-commitment Secret Requirements", which counts down: 2^48 - 1 - `index`). No secret tells
 * one that is shown after it.
 * @throws RangeError when the index is not a whole number from 0 to 2^48 - 1, or the seed is not 32 bytes.
 */
export function revocationSecret(seed: Uint8Array, index: number): Uint8Array {
  if (!isIndex(index)) throw new RangeError(`${index} is not the number of a revocation secret`);
  if (seed.length !== SECRET_BYTES) throw new RangeError(`the seed has ${seed.length} bytes, not ${SECRET_BYTES}`);
  return derived(seed, INDEX_BITS, index);
}

/** The held secrets with the next one; undefined when it is not the next one, or those shown before do not follow from it. */
export function withRevocationSecret(held: RevocationSecrets, index: number, secret: Uint8Array): RevocationSecrets | undefined {
  const next = (held.at(-1)?.index ?? -1) + 1;
  if (index !== next || !isIndex(index) || secret.length !== SECRET_BYTES) return undefined;
  const bits = bitsOf(index);
  const isBelow = (entry: RevocationSecrets[number]): boolean => bitsOf(entry.index) < bits;
  const isRight = held.every((entry) => !isBelow(entry) || equalBytes(derived(secret, bits, entry.index), entry.secret));
  return isRight ? [...held.filter((entry) => !isBelow(entry)), { index, secret: secret.slice() }] : undefined;
}

/** The numbers of the secrets that are held after `count` were shown, oldest first. */
export function shownIndices(count: number): readonly number[] {
  const sizes = Array.from({ length: INDEX_BITS }, (_, bit) => 2 ** bit).filter((_, bit) => isSet(count, bit));
  return sizes.map((_, i) => sizes.slice(i).reduce((sum, size) => sum + size, 0) - 1).toReversed();
}

/** The secret with this number; undefined while it has not been shown. */
export function heldRevocationSecret(held: RevocationSecrets, index: number): Uint8Array | undefined {
  if (!isIndex(index)) return undefined;
  const above = held.find((entry) => index <= entry.index && index > entry.index - 2 ** bitsOf(entry.index));
  return above && derived(above.secret, bitsOf(above.index), index);
}

function isIndex(index: number): boolean {
  return Number.isInteger(index) && index >= 0 && index <= LAST;
}

/** How many low bits of BOLT 3's number are 0. The 2^bits - 1 secrets before this one, which differ in these bits only, follow from it. */
function bitsOf(index: number): number {
  let bits = 0;
  while (bits < INDEX_BITS && !isSet(LAST - index, bits)) bits++;
  return bits;
}

/** BOLT 3's `generate_from_seed` and `derive_secret`. */
function derived(base: Uint8Array, bits: number, index: number): Uint8Array {
  let value = base.slice();
  for (let bit = bits - 1; bit >= 0; bit--) {
    if (!isSet(LAST - index, bit)) continue;
    const byte = Math.floor(bit / 8);
    value[byte] = (value[byte] ?? 0) ^ (1 << (bit % 8));
    value = sha256(value);
  }
  return value;
}

/** Bitwise operators would cut the number to 32 bits. */
function isSet(number: number, bit: number): boolean {
  return Math.floor(number / 2 ** bit) % 2 === 1;
}
