import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../../core/base/amount.ts';
import { dogecoin as coin } from '../../core/coin/dogecoin.ts';
import { addressOf } from '../../core/tx/address.ts';
import { p2pkh } from '../../core/tx/script.ts';
import { seedKeyRing } from '../../wallet/keyring.ts';
import { amountTo, destinationOf } from './address.ts';

const script = p2pkh(seedKeyRing(coin, new Uint8Array(32).fill(1)).signer("m/44'/3'/0'/0/0").publicKey);
const address = addressOf(coin, script) ?? assert.fail();
const DOGE = 100_000_000n;

test('an address, and a URI with one', () => {
  for (const text of [address, `dogecoin:${address}`, `DOGECOIN:${address}?label=Tea`])
    assert.deepEqual([destinationOf(coin, text).address, destinationOf(coin, text).script], [address, script], text);
  for (const [written, value] of [
    ['1.5', 150_000_000n],
    ['.5', 50_000_000n],
    ['5.', 5n * DOGE],
  ] as const)
    assert.equal(destinationOf(coin, `dogecoin:${address}?amount=${written}`).amount, value);
});

test('what is wrong with it is said', () => {
  for (const [text, why] of [
    ['nowhere', /is not an address on dogecoin/],
    [`dogecoin:${address}x`, /is not an address on dogecoin/],
    [`litecoin:${address}`, /URI of another coin/],
    [`dogecoin:${address}?amount=.`, /an amount that can’t be read/],
    [`dogecoin:${address}?amount=1&amount=2`, /twice/],
    [`dogecoin:${address}?req-x=1`, /does not know/],
  ] as const)
    assert.throws(() => destinationOf(coin, text), why, text);
});

test('an amount is given once, or twice the same', () => {
  const asking = destinationOf(coin, `dogecoin:${address}?amount=2`);
  assert.equal(amountTo(coin, asking, undefined), 2n * DOGE);
  assert.equal(amountTo(coin, asking, amount(2n * DOGE)), 2n * DOGE);
  assert.equal(amountTo(coin, destinationOf(coin, address), amount(DOGE)), DOGE);
  assert.throws(() => amountTo(coin, asking, amount(DOGE)), /asks for 2 DOGE, but 1 DOGE was given/);
  assert.throws(() => amountTo(coin, destinationOf(coin, address), undefined), /No amount/);
});
