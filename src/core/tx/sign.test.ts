import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { z } from 'zod';
import { publishedVectors } from '../../../test/vector.ts';
import { bytesToHex, hexToBytes, parseHex } from '../base/bytes.ts';
import { decodeSignature, encodeSignature, isStrictDer, publicKey, readCompact, type Signature, signer, verifyPortable } from './sign.ts';

const canonical = z.array(z.string()).parse(publishedVectors('sig_canonical.json'));
const noncanonical = z.array(z.string()).parse(publishedVectors('sig_noncanonical.json'));
const digests = fc.uint8Array({ minLength: 32, maxLength: 32 });
const HASH_TYPES: readonly number[] = [1, 2, 3, 0x81, 0x82, 0x83];
const { n: ORDER } = secp256k1.Point.CURVE();

function bytesOf(r: bigint, s: bigint): Uint8Array {
  return hexToBytes(r.toString(16).padStart(64, '0') + s.toString(16).padStart(64, '0'));
}

test('published canonical signatures are strict DER', () => {
  for (const hex of canonical) assert.ok(isStrictDer(hexToBytes(hex)), hex);
  assert.equal(canonical.length, 5);
});

test('published non-canonical signatures are not', (context) => {
  const rows = noncanonical.map((text) => parseHex(text)).filter((bytes) => bytes !== undefined);
  for (const bytes of rows) {
    const decoded = decodeSignature(bytes);
    // One row is wrong in its hash type alone, which terms fix and scripts of any type read.
    const isDefined = typeof decoded !== 'string' && HASH_TYPES.includes(decoded.hashType);
    assert.ok(!isDefined, bytesToHex(bytes));
    assert.equal(decoded === 'malformed', !isStrictDer(bytes));
  }
  context.diagnostic(`${rows.length} signatures refused; ${noncanonical.length - rows.length} rows left out: headings`);
  assert.equal(rows.length, 15);
});

test('what is signed is read back, whatever the length of its numbers', () => {
  const key = signer(new Uint8Array(32).fill(5));
  fc.assert(
    fc.property(digests, fc.constantFrom(...HASH_TYPES), (digest, hashType) => {
      const signature = key.sign(digest);
      const der = encodeSignature(signature, hashType);
      assert.ok(isStrictDer(der) && der.length <= 72);
      const decoded = decodeSignature(der);
      assert.deepEqual(decoded, { signature, hashType });
      assert.ok(verifyPortable(signature, digest, key.publicKey));
      assert.deepEqual(readCompact(signature), signature);
    }),
  );
});

test('short numbers lose their zeroes in DER and get them back', () => {
  for (const [r, s] of [
    [1n, 1n],
    [0x80n, 0x7fn],
    [2n ** 128n, 2n ** 255n - 2n ** 254n - 5n],
    [ORDER - 1n, ORDER >> 1n],
  ] as const) {
    const compact = readCompact(bytesOf(r, s));
    assert.ok(typeof compact !== 'string');
    assert.deepEqual(decodeSignature(encodeSignature(compact, 1)), { signature: compact, hashType: 1 });
  }
});

test('a high s is told from a low one, in both forms', () => {
  const half = ORDER >> 1n;
  assert.deepEqual([readCompact(bytesOf(1n, half + 1n)), readCompact(bytesOf(1n, ORDER - 1n))], ['high-s', 'high-s']);
  assert.ok(typeof readCompact(bytesOf(1n, half)) !== 'string');
  const key = signer(new Uint8Array(32).fill(5));
  const digest = new Uint8Array(32).fill(6);
  const low = secp256k1.Signature.fromBytes(key.sign(digest));
  const high = bytesOf(low.r, ORDER - low.s);
  // The brand is what the test forges: a verifier must not rely on it.
  assert.equal(decodeSignature(encodeSignature(high as Signature, 1)), 'high-s');
  assert.equal(verifyPortable(high as Signature, digest, key.publicKey), false);
  assert.ok(verifyPortable(key.sign(digest), digest, key.publicKey));
});

test('numbers outside the group are no signature', () => {
  for (const [r, s] of [
    [0n, 1n],
    [1n, 0n],
    [ORDER, 1n],
    [1n, ORDER],
    [2n ** 256n - 1n, 1n],
  ] as const) {
    assert.equal(readCompact(bytesOf(r, s)), 'malformed');
  }
  assert.equal(readCompact(new Uint8Array(63)), 'malformed');
  assert.equal(readCompact(new Uint8Array(65)), 'malformed');
  // DER of r = 0 and of a 33-byte r without its zero.
  assert.equal(decodeSignature(hexToBytes('300602010002010101')), 'malformed');
  assert.equal(decodeSignature(hexToBytes(`3026022101${'00'.repeat(32)}02010101`)), 'malformed');
});

test('signatures of strangers are read or not, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      decodeSignature(bytes);
      readCompact(bytes);
    }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...canonical), fc.nat(80), fc.nat(255), (hex, at, value) => {
      const bytes = hexToBytes(hex);
      if (at < bytes.length) bytes[at] = value;
      const decoded = decodeSignature(bytes);
      if (typeof decoded !== 'string') assert.deepEqual(encodeSignature(decoded.signature, decoded.hashType), bytes);
    }),
  );
});

test('only compressed points on the curve are keys', () => {
  const key = signer(new Uint8Array(32).fill(5)).publicKey;
  assert.deepEqual(publicKey(key), key);
  const uncompressed = secp256k1.Point.fromBytes(key).toBytes(false);
  const offCurve = Uint8Array.of(2, ...new Uint8Array(31), 5);
  const hybrid = Uint8Array.of(6, ...uncompressed.subarray(1));
  for (const bytes of [
    uncompressed,
    offCurve,
    hybrid,
    new Uint8Array(33),
    key.subarray(1),
    new Uint8Array(),
    Uint8Array.of(4, ...key.subarray(1)),
  ]) {
    assert.equal(publicKey(bytes), undefined, bytesToHex(bytes));
  }
  assert.throws(() => signer(new Uint8Array(32)));
});

test('a signature is by one key over one digest', () => {
  const [key, other] = [signer(new Uint8Array(32).fill(5)), signer(new Uint8Array(32).fill(6))];
  const digest = new Uint8Array(32).fill(7);
  assert.deepEqual(key.sign(digest), key.sign(digest));
  assert.ok(verifyPortable(key.sign(digest), digest, key.publicKey));
  assert.equal(verifyPortable(key.sign(digest), digest, other.publicKey), false);
  assert.equal(verifyPortable(key.sign(digest), new Uint8Array(32).fill(8), key.publicKey), false);
});
