import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { bytesToHex } from '../core/base/bytes.ts';
import { keyDerivation, nodeDerivation, portableDerivation } from './key-derivation.ts';

const node = nodeDerivation() ?? assert.fail('Node has its own');

test('here Node’s own derives keys; without it the portable one would', () => {
  assert.equal(`${keyDerivation.scrypt}`, `${node.scrypt}`);
  const { process } = globalThis;
  try {
    Object.defineProperty(globalThis, 'process', { value: undefined, configurable: true, writable: true });
    assert.equal(nodeDerivation(), undefined, 'a page');
    Object.defineProperty(globalThis, 'process', { value: { env: {} }, configurable: true, writable: true });
    assert.equal(nodeDerivation(), undefined, 'a page with a stand-in');
  } finally {
    Object.defineProperty(globalThis, 'process', { value: process, configurable: true, writable: true });
  }
});

// RFC 7914, section 12; the fourth wants a gigabyte.
const scrypts = [
  [
    '',
    '',
    { n: 16, r: 1, p: 1 },
    '77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906',
  ],
  [
    'password',
    'NaCl',
    { n: 1024, r: 8, p: 16 },
    'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
  ],
] as const;

for (const [name, { scrypt }] of Object.entries({ node, portable: portableDerivation })) {
  test(`scrypt, ${name}: the vectors of RFC 7914`, async () => {
    for (const [password, salt, cost, key] of scrypts)
      assert.equal(bytesToHex(await scrypt(utf8ToBytes(password), utf8ToBytes(salt), cost, 64)), key);
  });
}

test('both make the same key of everything', async () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  const cost = fc.record({ n: fc.constantFrom(2, 256, 1024), r: fc.constantFrom(1, 8), p: fc.constantFrom(1, 4) });
  await fc.assert(
    fc.asyncProperty(bytes, bytes, cost, async (password, salt, how) => {
      assert.deepEqual(await node.scrypt(password, salt, how, 32), await portableDerivation.scrypt(password, salt, how, 32));
      assert.deepEqual(node.pbkdf2(password, salt, how.n, 64), portableDerivation.pbkdf2(password, salt, how.n, 64));
    }),
    { numRuns: 50 },
  );
});

test('both have room for what a seed file may ask for, and refuse what is no cost', async () => {
  const large = { n: 2 ** 17, r: 8, p: 2 };
  assert.equal((await node.scrypt(new Uint8Array(), new Uint8Array(), large, 32)).length, 32);
  const none = { n: 3, r: 8, p: 1 };
  for (const { scrypt } of [node, portableDerivation])
    await assert.rejects(async () => scrypt(new Uint8Array(), new Uint8Array(), none, 32));
});
