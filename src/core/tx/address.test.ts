import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '@noble/hashes/sha2.js';
import { createBase58check } from '@scure/base';
import fc from 'fast-check';
import { z } from 'zod';
import { publishedVectors } from '../../../test/vector.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../base/bytes.ts';
import type { Coin } from '../coin/coin.ts';
import { dogecoin, dogecoinTest } from '../coin/dogecoin.ts';
import { litecoin } from '../coin/litecoin.ts';
import { coins } from '../coin/registry.ts';
import { addressOf, scriptOf } from './address.ts';
import { script } from './script.ts';

const hashes = fc.uint8Array({ minLength: 20, maxLength: 20 });
const base58check = createBase58check(sha256);

const validRow = z.tuple([
  z.string(),
  z.string(),
  z.object({ isPrivkey: z.boolean(), isTestnet: z.boolean(), addrType: z.enum(['pubkey', 'script']).optional() }),
]);

const toKey = (hash: Uint8Array): Uint8Array => script('DUP', 'HASH160', hash, 'EQUALVERIFY', 'CHECKSIG');
const toScript = (hash: Uint8Array): Uint8Array => script('HASH160', hash, 'EQUAL');

test('the addresses of base58_keys_valid.json stand for their scripts, on their network only; its private keys are no addresses', (t) => {
  const rows = z.array(validRow).parse(publishedVectors('dogecoin-core-base58_keys_valid.json'));
  let addresses = 0;
  for (const [address, hex, { isPrivkey, isTestnet, addrType }] of rows) {
    const [own, other]: [Coin, Coin] = isTestnet ? [dogecoinTest, dogecoin] : [dogecoin, dogecoinTest];
    assert.equal(scriptOf(other, address), undefined, address);
    if (isPrivkey) {
      assert.equal(scriptOf(own, address), undefined, address);
      continue;
    }
    const outputScript = addrType === 'pubkey' ? toKey(hexToBytes(hex)) : toScript(hexToBytes(hex));
    assert.deepEqual(scriptOf(own, address), outputScript, address);
    assert.equal(addressOf(own, outputScript), address);
    addresses++;
  }
  t.diagnostic(`base58_keys_valid: ${addresses} addresses read and written, ${rows.length - addresses} private keys refused`);
  assert.ok(addresses > 20 && addresses < rows.length);
});

test('nothing of base58_keys_invalid.json is an address of any coin', (t) => {
  const rows = z.array(z.tuple([z.string()])).parse(publishedVectors('dogecoin-core-base58_keys_invalid.json'));
  for (const [text] of rows) for (const coin of coins) assert.equal(scriptOf(coin, text), undefined, `${text} on ${coin.id}`);
  t.diagnostic(`base58_keys_invalid: ${rows.length} rows refused on ${coins.length} coins`);
  assert.ok(rows.length >= 50);
});

test('scripts become addresses and scripts again, on every coin', () => {
  fc.assert(
    fc.property(fc.constantFrom(...coins), hashes, (coin, hash) => {
      for (const outputScript of [toKey(hash), toScript(hash)]) {
        const address = addressOf(coin, outputScript);
        assert.ok(address !== undefined);
        assert.deepEqual(scriptOf(coin, address), outputScript);
      }
    }),
  );
});

test('an address of another coin is refused', () => {
  fc.assert(
    fc.property(hashes, (hash) => {
      for (const own of coins.filter(({ network }) => network === 'main')) {
        const address = addressOf(own, toKey(hash)) ?? '';
        for (const coin of coins) {
          const expected = coin === own ? toKey(hash) : undefined;
          assert.deepEqual(scriptOf(coin, address), expected, `${own.id} on ${coin.id}`);
        }
      }
    }),
  );
});

test('the old script addresses of Litecoin are read, the new ones written', () => {
  fc.assert(
    fc.property(hashes, (hash) => {
      const old = base58check.encode(concatBytes(Uint8Array.of(5), hash));
      assert.deepEqual(scriptOf(litecoin, old), toScript(hash));
      const address = addressOf(litecoin, toScript(hash)) ?? '';
      assert.equal(base58check.decode(address)[0], 50);
      assert.deepEqual(scriptOf(litecoin, address), toScript(hash));
    }),
  );
});

test('an address with a changed character, or with a hash of another length, is refused', () => {
  const address = addressOf(dogecoin, toKey(new Uint8Array(20).fill(3))) ?? '';
  assert.ok(scriptOf(dogecoin, address) !== undefined);
  for (let i = 0; i < address.length; i++) {
    const changed = `${address.slice(0, i)}${address[i] === '2' ? '3' : '2'}${address.slice(i + 1)}`;
    assert.equal(scriptOf(dogecoin, changed), undefined, changed);
  }
  for (const length of [0, 19, 21, 32]) {
    const other = base58check.encode(concatBytes(Uint8Array.of(dogecoin.prefix.p2pkh), new Uint8Array(length)));
    assert.equal(scriptOf(dogecoin, other), undefined, `${length} bytes`);
  }
  for (const text of ['', ' ', `${address} `, ` ${address}`, '0OIl']) assert.equal(scriptOf(dogecoin, text), undefined, text);
});

test('only P2PKH and P2SH scripts have an address, written as the nodes match them', () => {
  const hash = '07'.repeat(20);
  assert.ok(addressOf(dogecoin, hexToBytes(`76a914${hash}88ac`)));
  assert.ok(addressOf(dogecoin, hexToBytes(`a914${hash}87`)));
  const others = [
    '',
    '6a',
    `0014${hash}`,
    `a914${hash}8761`,
    `76a914${hash}88ac61`,
    `a913${hash.slice(2)}87`,
    `76a915${hash}0788ac`,
    // The same steps with a longer push: no P2SH to consensus (`CScript::IsPayToScriptHash`).
    `a94c14${hash}87`,
    `76a94c14${hash}88ac`,
    `a94d1400${hash}87`,
    `a914${hash.slice(2)}`,
  ];
  for (const hex of others) assert.equal(addressOf(dogecoin, hexToBytes(hex)), undefined, hex);
});

test('any bytes have no address, or one that stands for exactly them', () => {
  const near = hashes.chain((hash) => fc.constantFrom(toKey(hash), toScript(hash)));
  const mutated = fc.tuple(near, fc.nat(24), fc.nat(255)).map(([bytes, at, byte]) => {
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      const address = addressOf(dogecoin, bytes);
      if (address !== undefined) assert.equal(bytesToHex(scriptOf(dogecoin, address) ?? new Uint8Array()), bytesToHex(bytes));
    }),
    { numRuns: 1000 },
  );
});
