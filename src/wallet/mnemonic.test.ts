import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesToHex, hexToBytes } from '../core/base/bytes.ts';
import { createMnemonic, readMnemonic, seedOf } from './mnemonic.ts';

// The reference vectors that BIP39 names (trezor/python-mnemonic, vectors.json), passphrase TREZOR.
const VECTORS = [
  [
    '00000000000000000000000000000000',
    'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about',
    'c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04',
  ],
  [
    '7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f',
    'legal winner thank year wave sausage worth useful legal winner thank yellow',
    '2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607',
  ],
  [
    'ffffffffffffffffffffffffffffffff',
    'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong',
    'ac27495480225222079d7be181583751e86f571027b0497b5b5d11218e0a8a13332572917f0f8e5a589620c6f15b11c61dee327651a14c34e18231052e48c069',
  ],
  [
    '0000000000000000000000000000000000000000000000000000000000000000',
    `${'abandon '.repeat(23)}art`,
    'bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8',
  ],
] as const;

test('the BIP39 reference vectors: entropy to words to seed', () => {
  for (const [entropy, mnemonic, seed] of VECTORS) {
    const random = { bytes: (length: number) => hexToBytes(entropy).subarray(0, length) };
    assert.equal(createMnemonic(entropy.length === 32 ? 12 : 24, random), mnemonic);
    assert.deepEqual(readMnemonic(mnemonic), { kind: 'mnemonic', mnemonic });
    assert.equal(bytesToHex(seedOf(mnemonic, 'TREZOR')), seed);
    assert.notEqual(bytesToHex(seedOf(mnemonic)), seed, 'the passphrase counts');
  }
});

test('words are read as people type them', () => {
  const [, mnemonic] = VECTORS[1];
  assert.deepEqual(readMnemonic(`  ${mnemonic.toUpperCase().replaceAll(' ', ' \n\t')} `), { kind: 'mnemonic', mnemonic });
});

test('what is wrong with typed words is said', () => {
  const [, mnemonic] = VECTORS[1];
  assert.deepEqual(readMnemonic('legal winner thank'), { kind: 'word-count', count: 3 });
  assert.deepEqual(readMnemonic(mnemonic.replace('thank', 'thanx')), { kind: 'unknown-word', position: 3, word: 'thanx' });
  assert.deepEqual(readMnemonic(mnemonic.replace('thank', 'legal')), { kind: 'checksum' });
  assert.throws(() => seedOf(mnemonic.replace('thank', 'legal')), TypeError);
});
