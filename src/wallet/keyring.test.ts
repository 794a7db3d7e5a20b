import assert from 'node:assert/strict';
import { createECDH, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { HDKey } from '@scure/bip32';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../core/base/bytes.ts';
import { bitcoin } from '../core/coin/bitcoin.ts';
import type { Coin } from '../core/coin/coin.ts';
import { dogecoin, dogecoinRegtest } from '../core/coin/dogecoin.ts';
import { litecoin } from '../core/coin/litecoin.ts';
import { addressOf } from '../core/tx/address.ts';
import { p2pkh } from '../core/tx/script.ts';
import { verifyPortable } from '../core/tx/sign.ts';
import { keyName, offerKeyName, seedKeyRing } from './keyring.ts';
import { seedOf } from './mnemonic.ts';

const seed = seedOf('abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about');
const addressAt = (coin: Coin, name: string): string | undefined => addressOf(coin, p2pkh(seedKeyRing(coin, seed).signer(name).publicKey));

test('BIP32 test vectors 1 and 3 through the library that derives our keys', () => {
  const first = HDKey.fromMasterSeed(hexToBytes('000102030405060708090a0b0c0d0e0f'));
  assert.equal(
    first.derive("m/0'/1/2'/2/1000000000").privateExtendedKey,
    'xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76',
  );
  const third = HDKey.fromMasterSeed(
    hexToBytes(
      '4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be',
    ),
  );
  assert.equal(
    third.derive("m/0'").privateExtendedKey,
    'xprv9uPDJpEQgRQfDcW7BkF7eTya6RPxXeJCqCJGHuCJ4GiRVLzkTXBAJMu2qaMWPrS7AANYqdq6vcBcBUdJCVVFceUvJFjaPdGZ2y9WACViL4L',
  );
});

test('the first BIP44 addresses of the well-known test words, as other wallets show them', () => {
  assert.equal(addressAt(dogecoin, "m/44'/3'/0'/0/0"), 'DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC');
  assert.equal(addressAt(litecoin, "m/44'/2'/0'/0/0"), 'LUWPbpM43E2p7ZSh8cyTBEkvpHmr3cB8Ez');
  assert.equal(addressAt(bitcoin, "m/44'/0'/0'/0/0"), '1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA');
  assert.equal(addressAt(dogecoinRegtest, "m/44'/1'/0'/0/0"), 'mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV');
});

test('every path derives as BIP32 says, computed with other code', () => {
  const ring = seedKeyRing(dogecoin, seed);
  fc.assert(
    fc.property(fc.nat(5), fc.constantFrom(0 as const, 1 as const), fc.nat(0x7fffffff), (account, change, index) => {
      const name = keyName(dogecoin, { account, change, index });
      const { key } = [44 + HARD, 3 + HARD, account + HARD, change, index].reduce(childOf, masterOf(seed));
      assert.equal(bytesToHex(ring.signer(name).publicKey), publicKeyOf(key).toString('hex'));
    }),
    { numRuns: 25 },
  );
});

test('an offer key is HMAC-SHA256 of the digest under a hardened node of its own', () => {
  const digest = new Uint8Array(32).fill(0xab);
  const ring = seedKeyRing(dogecoin, seed);
  const secret = [0x7061776d + HARD, 3 + HARD, HARD].reduce(childOf, masterOf(seed)).key;
  const expected = publicKeyOf(createHmac('sha256', secret).update(digest).digest()).toString('hex');
  const offer = ring.signer(offerKeyName(digest));
  assert.equal(bytesToHex(offer.publicKey), expected);
  const message = new Uint8Array(32).fill(7);
  assert.ok(verifyPortable(offer.sign(message), message, offer.publicKey));
  assert.ok(!verifyPortable(offer.sign(message), digest, offer.publicKey));
  assert.notDeepEqual(seedKeyRing(litecoin, seed).signer(offerKeyName(digest)).publicKey, offer.publicKey);
});

test('a name is derived once', () => {
  const ring = seedKeyRing(dogecoin, seed);
  assert.equal(ring.signer("m/44'/3'/1'/0/4"), ring.signer("m/44'/3'/1'/0/4"));
});

test('a name that is not of this ring is a bug', () => {
  const ring = seedKeyRing(dogecoin, seed);
  const strangers = [
    '',
    'm',
    "m/44'/3'/0'/0",
    "m/44'/2'/0'/0/0",
    "m/44'/03'/0'/0/0",
    "m/44'/3'/0'/2/0",
    "m/44'/3'/0'/0/00",
    "m/44'/3'/0'/0/2147483648",
    "m/44'/3'/0/0/0",
    "M/44'/3'/0'/0/0",
    'offer:00',
    `offer:${'AB'.repeat(32)}`,
    `${offerKeyName(new Uint8Array(32))} `,
  ];
  for (const name of strangers) assert.throws(() => ring.signer(name), Error, name);
  assert.doesNotThrow(() => ring.signer("m/44'/3'/0'/0/2147483647"));
  assert.throws(() => offerKeyName(new Uint8Array(31)), RangeError);
});

const HARD = 0x8000_0000;
const ORDER = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n;

interface Node {
  readonly key: Buffer;
  readonly chain: Buffer;
}

function masterOf(bytes: Uint8Array): Node {
  const hash = createHmac('sha512', 'Bitcoin seed').update(bytes).digest();
  return { key: hash.subarray(0, 32), chain: hash.subarray(32) };
}

function childOf({ key, chain }: Node, index: number): Node {
  const suffix = Buffer.alloc(4);
  suffix.writeUInt32BE(index);
  const data = index >= HARD ? Buffer.concat([Buffer.alloc(1), key]) : publicKeyOf(key);
  const hash = createHmac('sha512', chain)
    .update(Buffer.concat([data, suffix]))
    .digest();
  const sum = (BigInt(`0x${hash.toString('hex', 0, 32)}`) + BigInt(`0x${key.toString('hex')}`)) % ORDER;
  return { key: Buffer.from(sum.toString(16).padStart(64, '0'), 'hex'), chain: hash.subarray(32) };
}

function publicKeyOf(key: Buffer): Buffer {
  const curve = createECDH('secp256k1');
  curve.setPrivateKey(key);
  return curve.getPublicKey(null, 'compressed');
}
