import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { keyNumber, must, payeeKey, payeeScript, payerKey, sampleTerms } from '../../../test/world/sample.ts';
import { amount, feeFor } from '../base/amount.ts';
import { concatBytes } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { isRefusal } from '../base/refusal.ts';
import type { HashLock } from '../contract/pending.ts';
import { contracts } from '../contract/registry.ts';
import { closeSize } from '../contract/tx-size.ts';
import type { Pay } from '../message/message.ts';
import { hash160, script } from '../tx/script.ts';
import { outpointKey, sameOutpoint, type Transaction, transactionId, transactionSize } from '../tx/transaction.ts';
import { invoiceHash } from './payee-locks.ts';
import { fateOf } from './payer-locks.ts';

const DOGE = 100_000_000n;
const PREIMAGE = new Uint8Array(32).fill(7);
const pendingContracts = contracts.filter(({ hashLocks }) => hashLocks !== undefined);
const [contract = assert.fail('a contract has hash locks')] = pendingContracts;

function opened(deposit = 20n * DOGE): MachinePair {
  const { coin } = sampleTerms({ contract });
  const fee = amount(10n * feeFor(closeSize({ contract }, 1, 2), coin.policy.feeRate));
  return new MachinePair({ contract, signing: { kind: 'fixed', fee } }).open(deposit);
}

function lockUnderHash({ terms }: MachinePair, sum: bigint, hash: Uint8Array): HashLock {
  return { amount: amount(sum), hash, expiry: terms.contract.hashLocks?.leastExpiry(terms) ?? assert.fail() };
}

function idOf(i: number): string {
  return i.toString(16).padStart(32, '0');
}

function signed(pair: MachinePair, total: bigint, locks: readonly HashLock[], invoice?: string): Pay {
  const { channel, deposits, terms } = pair.payerState();
  const payment = must(terms.contract.sign(terms, deposits, amount(total), payerKey, undefined, locks.length > 0 ? locks : undefined));
  return { kind: 'payment', channel, payment, ...(invoice !== undefined && { invoice }) };
}

function closed(pair: MachinePair): Transaction {
  pair.broadcasts.length = 0;
  pair.tip = height(1_880);
  must(pair.tellPayee(pair.view()));
  const close = pair.broadcasts.at(-1) ?? assert.fail('no close');
  pair.spend(close, 60);
  for (const one of pair.terms.contract.hashLocks?.outputs(pair.terms, close, pair.payeeState().best?.locks ?? []) ?? [])
    pair.confirm(one, 60);
  pair.broadcasts.length = 0;
  return close;
}

/** Bought under a hash, with the preimage shown. */
function bought(pair: MachinePair, i: number, price: bigint): HashLock {
  const hash = invoiceHash({ signer: payeeKey }, idOf(i));
  pair.invoice(idOf(i), price, { hash });
  const lock = lockUnderHash(pair, price, hash);
  assert.equal(pair.exchange({ kind: 'lock', lock, invoice: idOf(i) }).kind, 'receipt');
  return lock;
}

describe('a thief’s pending amounts', () => {
  for (const more of [15, 16])
    test(`a thief leaves its first purchase pending, makes and settles ${more} small ones, and goes: the merchant still claims the first`, () => {
      const pair = opened(200n * DOGE);
      const big = bought(pair, 1, 100n * DOGE);
      for (let i = 0; i < more; i++) {
        const { hash } = bought(pair, 2 + i, 2n * DOGE);
        assert.equal(pair.exchange({ kind: 'settle', hashes: [hash] }).kind, 'receipt');
      }
      assert.deepEqual(pair.payeeState().best?.locks, [big]);
      const close = closed(pair);
      must(pair.tellPayee(pair.view()));
      const [held] = pair.terms.contract.hashLocks?.outputs(pair.terms, close, [big]) ?? [];
      const claim = pair.broadcasts.find(({ inputs }) => inputs.some(({ outpoint }) => held && sameOutpoint(outpoint, held.outpoint)));
      // The thief takes it back from its height on.
      assert.ok(claim !== undefined, 'goods for 100 were delivered, and their price is not claimed');
    });

  test('a hub that sells: a lock of the least amount under the invoice’s hash, named by no payment, buys nothing', () => {
    const pair = opened();
    const hash = invoiceHash({ signer: payeeKey }, idOf(1));
    const price = 10n * DOGE;
    pair.invoice(idOf(1), price, { hash });
    assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
    const small = lockUnderHash(pair, DOGE, hash);
    must(pair.tellPayee({ kind: 'payment', pay: signed(pair, 2n * DOGE, [small]), isForwarding: true }));
    const kept = pair.invoices.get(idOf(1)) ?? assert.fail();
    const pay = signed(pair, 2n * DOGE + 1n, [small], idOf(1));
    const step = pair.tellPayee({ kind: 'payment', pay, isForwarding: true, invoice: kept });
    assert.ok(isRefusal(step), `an invoice of ${price} is paid with 1: ${pair.invoices.get(idOf(1))?.paidTotal}`);
  });

  test('a hub that sells: two locks in one payment, of which one is the invoice’s: its preimage is kept, or nothing is sold', () => {
    const pair = opened();
    const hash = invoiceHash({ signer: payeeKey }, idOf(1));
    pair.invoice(idOf(1), 10n * DOGE, { hash });
    const locks = [lockUnderHash(pair, 10n * DOGE, hash), lockUnderHash(pair, DOGE, hash160(PREIMAGE))];
    const kept = pair.invoices.get(idOf(1)) ?? assert.fail();
    const step = pair.tellPayee({ kind: 'payment', pay: signed(pair, 0n, locks, idOf(1)), isForwarding: true, invoice: kept });
    if (isRefusal(step)) return;
    assert.notEqual(pair.invoices.get(idOf(1))?.paidTotal, undefined, 'it is sold');
    closed(pair);
    must(pair.tellPayee(pair.view()));
    assert.equal(pair.broadcasts.length, 1, 'the goods are delivered, and their price is not claimed');
  });

  for (const junk of [undefined, Uint8Array.of(1), new Uint8Array(32)])
    test(`a payee claims in a block of its own, with ${junk ? `${junk.length} bytes more` : 'nothing more'} below the signature: the payer, who forwards, learns the preimage`, () => {
      const pair = opened();
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      const lock = lockUnderHash(pair, 3n * DOGE, hash160(PREIMAGE));
      const request = pair.request({ kind: 'lock', lock });
      const step = must(pair.tellPayee({ kind: 'payment', pay: request.kind === 'payment' ? request : assert.fail(), isForwarding: true }));
      for (const effect of step.effects) if (effect.kind === 'reply') pair.answer('payment', effect.message);
      const close = closed(pair);
      const { terms } = pair;
      const locked = terms.contract.hashLocks?.outputs(terms, close, [lock]) ?? [];
      const to = { script: payeeScript, feeRate: terms.coin.policy.feeRate };
      const claim = must(
        terms.contract.hashLocks?.claim(
          terms,
          locked.map((one) => ({ ...one, preimage: PREIMAGE })),
          to,
          payeeKey,
        ) ?? assert.fail(),
      );
      const inputs = claim.inputs.map((one) => ({ ...one, script: junk ? concatBytes(script(junk), one.script) : one.script }));
      pair.spend({ ...claim, inputs }, 60);
      must(pair.tellPayer(pair.view()));
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'revealed', 'the preimage is in a block, and the payer does not see it');
    });

  for (const [what, buy] of [
    ['paid', (pair: MachinePair) => assert.equal(pair.pay(10n * DOGE).kind, 'receipt')],
    ['pending under the own hash', (pair: MachinePair) => bought(pair, 1, 10n * DOGE)],
  ] as const)
    for (const [when, tip] of [
      ['when the margin comes', 1_880],
      ['in the last blocks, with the close in the mempool', 1_996],
    ] as const)
      test(`10 that are ${what}: whatever fees come to, the payee gets its close mined before the expiry, ${when}`, () => {
        const pair = opened();
        pair.keyOf = () => keyNumber(3);
        buy(pair);
        pair.broadcasts.length = 0;
        pair.feeRate = amount(40n * pair.terms.coin.policy.feeRate);
        pair.tip = height(1_880);
        must(pair.tellPayee(pair.view()));
        const [close = assert.fail('no close')] = pair.broadcasts;
        pair.spend(close, 0);
        for (const one of pair.terms.contract.hashLocks?.outputs(pair.terms, close, pair.payeeState().best?.locks ?? []) ?? [])
          pair.confirm(one, 0);
        pair.tip = height(tip);
        must(pair.tellPayee(pair.view()));
        const family = [...new Map(pair.broadcasts.map((one) => [transactionId(one), one])).values()];
        const rate = rateOfFamily(pair, close, family);
        assert.ok(rate >= pair.feeRate, `it pays ${rate} per kB, and miners take ${pair.feeRate}: the payer has all back at the expiry`);
      });
});

/** What a close and its descendants pay together, per 1,000 bytes. */
function rateOfFamily(pair: MachinePair, close: Transaction, family: readonly Transaction[]): bigint {
  const values = new Map<string, bigint>(
    [close, ...family].flatMap((one) =>
      one.outputs.map(({ value }, vout) => [outpointKey({ txid: transactionId(one), vout }), value] as const),
    ),
  );
  for (const { outpoint, value } of pair.payerState().deposits) values.set(outpointKey(outpoint), value);
  let [fee, size] = [0n, 0];
  for (const one of family) {
    fee +=
      one.inputs.reduce((sum, { outpoint }) => sum + (values.get(outpointKey(outpoint)) ?? 0n), 0n) -
      one.outputs.reduce((sum, { value }) => sum + value, 0n);
    size += transactionSize(one);
  }
  return (fee * 1000n) / BigInt(size);
}
