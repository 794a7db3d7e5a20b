import assert from 'node:assert/strict';
import { z } from 'zod';
import { hasHighS, readLaxSignature } from '../../../src/chain/regtest/lax-signature.ts';
import { hexToBytes } from '../../../src/core/base/bytes.ts';
import { decodeSignature, encodeSignature, isStrictDer, publicKey, readCompact } from '../../../src/core/tx/sign.ts';
import { publishedVectors } from '../../vector.ts';
import { keyNumber } from '../../world/sample.ts';
import { ACCEPTED, assertSameBytes, type Outcome, type Target } from '../target.ts';
import { mutateSignature } from '../wire.ts';

const rows = ['sig_canonical.json', 'sig_noncanonical.json'].flatMap((name) => z.array(z.string()).parse(publishedVectors(name)));
const published = rows.filter((row) => /^([0-9a-f]{2})+$/.test(row)).map(hexToBytes);
const signatures = [1, 2, 3].map((number) => keyNumber(number).sign(new Uint8Array(32).fill(number)));
const der = signatures.map((signature, i) => encodeSignature(signature, [1, 0x82, 0x83][i] ?? 1));

/** Signatures in DER and in 64 bytes, and public keys: whatever is read is in the one form that is stored. */
export const signature: Target = {
  name: 'signature',
  files: ['core/tx/sign.ts'],
  corpus: [...der, ...published, ...signatures, keyNumber(1).publicKey],
  mutate: mutateSignature,
  check: (input) => (input.length === 64 ? compact(input) : input.length === 33 ? key(input) : script(input)),
};

function script(input: Uint8Array): Outcome {
  assert.deepEqual([readCompact(input), publicKey(input)], ['malformed', undefined], 'of no other length');
  const decoded = decodeSignature(input);
  if (decoded === 'malformed') return { code: 'malformed', path: isStrictDer(input) ? 'out of range' : '' };
  assert.ok(isStrictDer(input), 'only strict DER is read');
  if (decoded === 'high-s') {
    assert.ok(hasHighS(input));
    return { code: 'high-s' };
  }
  assertSameBytes(encodeSignature(decoded.signature, decoded.hashType), input, 'one form only');
  assertSameBytes(readLaxSignature(input.subarray(0, -1)) ?? new Uint8Array(), decoded.signature, 'consensus reads it the same');
  assert.equal(typeof readCompact(decoded.signature), 'object');
  return ACCEPTED;
}

function compact(input: Uint8Array): Outcome {
  const read = readCompact(input);
  if (typeof read === 'string') return { code: read, path: 'compact' };
  const again = decodeSignature(encodeSignature(read, 1));
  assert.ok(typeof again === 'object');
  assertSameBytes(again.signature, input, 'there and back');
  return { code: 'accepted', path: 'compact' };
}

function key(input: Uint8Array): Outcome {
  const read = publicKey(input);
  if (read === undefined) return { code: 'no-key' };
  assert.ok(input[0] === 2 || input[0] === 3);
  return { code: 'accepted', path: 'key' };
}
