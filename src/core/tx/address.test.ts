import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { publishedVectors } from '../../../test/vector.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../base/bytes.ts';
import { bitcoin } from '../coin/bitcoin.ts';
import type { Coin } from '../coin/coin.ts';
import { dogecoin, dogecoinRegtest, dogecoinTest } from '../coin/dogecoin.ts';
import { litecoin } from '../coin/litecoin.ts';
import { coins } from '../coin/registry.ts';
import { addressOf, scriptOf } from './address.ts';

const row = z.tuple([
  z.string(),
  z.string(),
  z.object({ isPrivkey: z.boolean(), isTestnet: z.boolean(), addrType: z.enum(['pubkey', 'script']).optional() }),
]);
const valid = z.array(row).parse(publishedVectors('dogecoin-core-base58_keys_valid.json'));
const invalid = z.array(z.tuple([z.string()])).parse(publishedVectors('dogecoin-core-base58_keys_invalid.json'));

function outputScript(type: 'pubkey' | 'script', hash: string): string {
  return type === 'pubkey' ? `76a914${hash}88ac` : `a914${hash}87`;
}

/** The published rows call a chain testnet where its addresses have either test chain's version. */
function coinOf(address: string, isTestnet: boolean): Coin {
  if (!isTestnet) return dogecoin;
  return scriptOf(dogecoinTest, address) === undefined ? dogecoinRegtest : dogecoinTest;
}

test('published addresses stand for their scripts, and scripts for their addresses', (context) => {
  const addresses = valid.flatMap(([address, hash, { isTestnet, addrType }]) => (addrType ? [{ address, hash, isTestnet, addrType }] : []));
  for (const { address, hash, isTestnet, addrType } of addresses) {
    const coin = coinOf(address, isTestnet);
    const script = scriptOf(coin, address);
    assert.equal(script && bytesToHex(script), outputScript(addrType, hash), address);
    assert.equal(addressOf(coin, hexToBytes(outputScript(addrType, hash))), address);
    assert.equal(scriptOf(isTestnet ? dogecoin : dogecoinTest, address), undefined, `${address} is of another network`);
  }
  context.diagnostic(`${addresses.length} addresses; ${valid.length - addresses.length} rows left out: private keys`);
  assert.ok(addresses.length >= 20);
});

test('published private keys and damaged texts are no addresses of any coin', (context) => {
  const keys = valid.filter(([, , { isPrivkey }]) => isPrivkey).map(([text]) => text);
  const texts = [...keys, ...invalid.map(([text]) => text)];
  for (const text of texts) for (const coin of coins) assert.equal(scriptOf(coin, text), undefined, text);
  context.diagnostic(`${keys.length} private keys and ${invalid.length} damaged texts refused by ${coins.length} coins`);
});

test('litecoin reads its old script addresses and writes new ones', () => {
  const script = hexToBytes(outputScript('script', '11'.repeat(20)));
  const old = addressOf(bitcoin, script) ?? assert.fail();
  assert.match(old, /^3/);
  assert.deepEqual(scriptOf(litecoin, old), script);
  assert.match(addressOf(litecoin, script) ?? '', /^M/);
});

test('a script has an address only if the address stands for it to the byte', () => {
  const hash = hexToBytes('22'.repeat(20));
  const exact = hexToBytes(outputScript('script', '22'.repeat(20)));
  assert.match(addressOf(dogecoin, exact) ?? '', /^[9A]/);
  const others = [
    concatBytes(Uint8Array.of(0xa9, 0x4c, 20), hash, Uint8Array.of(0x87)),
    concatBytes(Uint8Array.of(0x76, 0xa9, 0x4c, 20), hash, Uint8Array.of(0x88, 0xac)),
    concatBytes(exact, Uint8Array.of(0x61)),
    concatBytes(exact, Uint8Array.of(0x00)),
    concatBytes(hexToBytes(outputScript('pubkey', '22'.repeat(20))), Uint8Array.of(0x00)),
    exact.subarray(0, 22),
    Uint8Array.of(0x6a),
    new Uint8Array(),
  ];
  for (const script of others) assert.equal(addressOf(dogecoin, script), undefined, bytesToHex(script));
});
