import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, contractsOn, keyNumber, must, payeeKey, payeeScript, payerKey, returnScript } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { p2pkh } from '../tx/script.ts';
import { outpointKey, type Transaction, transactionId } from '../tx/transaction.ts';
import { refundOpen } from './payer-refund.ts';

const DOGE = 100_000_000n;
const BURIED = 60;

/** The payee's close with whatever payment it likes best. */
function closeAt(pair: MachinePair, total: bigint): Transaction {
  const { terms, deposits } = pair.payeeState();
  const payment = must(terms.contract.sign(terms, deposits, amount(total), payerKey, pair.hash));
  return must(terms.contract.close([{ terms, deposits, payment, signer: payeeKey }], { script: payeeScript, feeRate: pair.feeRate }));
}

/** The deposits go to a stranger, by a script that no branch of the contract has. */
function stolen(pair: MachinePair): Transaction {
  const inputs = pair.payeeState().deposits.map(({ outpoint }) => ({ outpoint, script: Uint8Array.of(0x51), sequence: 0xffff_ffff }));
  return { version: 1, inputs, outputs: [{ value: 5n * DOGE, script: p2pkh(keyNumber(66).publicKey) }], lockTime: 0 };
}

function payerLooks(pair: MachinePair): void {
  must(pair.tellPayer(pair.view()));
}

function payerEnd(pair: MachinePair): readonly [string, bigint] {
  const state = pair.payerState();
  return state.kind === 'ended' ? [state.how, state.returned] : assert.fail(state.kind);
}

for (const contract of contractsOn(dogecoinRegtest)) {
  const opened = (...values: readonly bigint[]): MachinePair => new MachinePair({ contract }).open(...values);

  describe(`${contract.id}: spends that the payer did not expect`, () => {
    test('a close at an older total gives the payer more back, once it is buried', () => {
      const pair = opened(10n * DOGE);
      pair.pay(DOGE);
      pair.pay(3n * DOGE);
      const close = closeAt(pair, DOGE);
      pair.spend(close, BURIED - 1);
      payerLooks(pair);
      assert.equal(pair.payerState().kind, 'open');
      pair.spend(close, BURIED);
      payerLooks(pair);
      assert.deepEqual(payerEnd(pair), ['closed', 9n * DOGE - pair.fixedFee]);
    });

    test('a close at a total that was signed and never answered is a close too', () => {
      const pair = opened(10n * DOGE);
      pair.pay(DOGE);
      pair.request({ kind: 'pay', total: amount(4n * DOGE), price: amount(0n) });
      pair.spend(closeAt(pair, 4n * DOGE), BURIED);
      payerLooks(pair);
      assert.deepEqual(payerEnd(pair), ['closed', 6n * DOGE - pair.fixedFee]);
    });

    test('a close in place of the agreed end is the end, and what it left over is refunded', () => {
      const pair = opened(10n * DOGE, 5n * DOGE);
      pair.pay(3n * DOGE);
      const close = closeAt(pair, 3n * DOGE);
      const reply = pair.exchange({ kind: 'end' });
      if (reply.kind !== 'ended') assert.fail(reply.kind);
      assert.notEqual(transactionId(close), transactionId(reply.transaction));
      pair.spend(close, BURIED);
      payerLooks(pair);
      assert.equal(pair.payerState().kind, 'ending', 'the second deposit is still there');
      pair.tip = height(2_000);
      payerLooks(pair);
      const refund = pair.broadcasts.at(-1) ?? assert.fail();
      assert.deepEqual(
        refund.inputs.map(({ outpoint }) => outpointKey(outpoint)),
        pair
          .payerState()
          .deposits.slice(1)
          .map(({ outpoint }) => outpointKey(outpoint)),
      );
      pair.spend(refund, BURIED);
      payerLooks(pair);
      assert.deepEqual(payerEnd(pair), ['closed', 7n * DOGE - pair.fixedFee + (refund.outputs[0]?.value ?? 0n)]);
    });

    test('a spend by no branch of the contract is a loss on both sides, and not before it is buried', () => {
      const pair = opened(10n * DOGE);
      const theft = stolen(pair);
      pair.spend(theft, BURIED - 1);
      payerLooks(pair);
      must(pair.tellPayee(pair.view()));
      assert.deepEqual([pair.payerState().kind, pair.payeeState().kind], ['open', 'paused']);
      pair.spend(theft, BURIED);
      payerLooks(pair);
      must(pair.tellPayee(pair.view()));
      assert.deepEqual(payerEnd(pair), ['lost', 0n]);
      const payee = pair.payeeState();
      assert.deepEqual(payee.kind === 'ended' && [payee.how, payee.transaction], ['lost', theft]);
    });

    test('a spend that left the chain again leaves the refund to the payer', () => {
      const pair = opened(10n * DOGE);
      pair.spend(stolen(pair), BURIED - 1);
      pair.tip = height(2_000);
      payerLooks(pair);
      assert.equal(pair.payerState().kind, 'open', 'there is nothing to refund');
      pair.spends.clear();
      payerLooks(pair);
      const refund = pair.broadcasts.at(-1) ?? assert.fail();
      assert.deepEqual(
        [pair.payerState().kind, refund.lockTime, refund.outputs.map(({ script }) => script)],
        ['refunding', pair.terms.expiry, [returnScript]],
      );
    });

    test('of several spends one close makes it closed, one theft makes it lost', () => {
      const pair = opened(10n * DOGE, 5n * DOGE);
      pair.pay(3n * DOGE);
      const theft = stolen(pair);
      pair.spend(closeAt(pair, 3n * DOGE), BURIED);
      pair.spend({ ...theft, inputs: theft.inputs.slice(1) }, BURIED);
      payerLooks(pair);
      assert.deepEqual(payerEnd(pair), ['lost', 7n * DOGE - pair.fixedFee]);
    });
  });
}

describe('what the payee makes of its deposits', () => {
  const payeeLooks = (pair: MachinePair): number => {
    const before = pair.broadcasts.length;
    must(pair.tellPayee(pair.view()));
    return pair.broadcasts.length - before;
  };

  test('an open channel goes on while its deposit is in a block at all: it was deep once', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const [deposit] = pair.payeeState().deposits;
    assert.ok(deposit !== undefined);
    pair.confirm(deposit, 1);
    payeeLooks(pair);
    assert.equal(pair.payeeState().kind, 'open');
    pair.confirm(deposit, 0);
    payeeLooks(pair);
    assert.equal(pair.payeeState().kind, 'paused');
  });

  test('a close of two deposits is sent while one is unspent, and over when both are buried', () => {
    const pair = new MachinePair().open(10n * DOGE, 5n * DOGE);
    pair.pay(12n * DOGE);
    must(pair.tellPayee({ kind: 'close' }));
    const close = pair.broadcasts.at(-1) ?? assert.fail();
    assert.equal(close.inputs.length, 2);
    const theft = stolen(pair);
    pair.spend({ ...theft, inputs: theft.inputs.slice(0, 1) }, BURIED);
    assert.deepEqual([payeeLooks(pair), pair.payeeState().kind], [1, 'closing']);
    pair.spend({ ...theft, inputs: theft.inputs.slice(1) }, BURIED - 1);
    assert.deepEqual([payeeLooks(pair), pair.payeeState().kind], [0, 'closing']);
    pair.spend(close, BURIED);
    assert.deepEqual([payeeLooks(pair), pair.payeeState().kind], [0, 'ended']);
  });

  test('a close of the first deposit is over without the second', () => {
    const pair = new MachinePair().open(10n * DOGE, 5n * DOGE);
    pair.pay(3n * DOGE);
    must(pair.tellPayee({ kind: 'close' }));
    const close = pair.broadcasts.at(-1) ?? assert.fail();
    assert.equal(close.inputs.length, 1);
    assert.equal(payeeLooks(pair), 1);
    pair.spend(close, 0);
    assert.equal(payeeLooks(pair), 0);
    pair.spend(close, BURIED);
    assert.deepEqual([payeeLooks(pair), pair.payeeState().kind], [0, 'ended']);
  });
});

test('a refund before the expiry: refund-too-early; at the expiry it is made', () => {
  const pair = new MachinePair().open(10n * DOGE);
  const state = pair.payerState();
  pair.tip = height(1_999);
  assertRefused(refundOpen(state, pair.view(), pair.env(payerKey)), 'refund-too-early');
  pair.tip = height(2_000);
  assert.equal(must(refundOpen(state, pair.view(), pair.env(payerKey))).state.kind, 'refunding');
});

test('a refund is made anew when fewer deposits are left to take, and kept as long as they are the same', () => {
  const pair = new MachinePair().open(10n * DOGE, 5n * DOGE);
  pair.tip = height(2_000);
  payerLooks(pair);
  const both = pair.broadcasts.at(-1) ?? assert.fail();
  pair.feeRate = amount((pair.feeRate * 4n) / 3n);
  payerLooks(pair);
  assert.deepEqual(pair.broadcasts.at(-1), both);
  const theft = stolen(pair);
  pair.spend({ ...theft, inputs: theft.inputs.slice(1) }, 1);
  payerLooks(pair);
  const one = pair.broadcasts.at(-1) ?? assert.fail();
  assert.deepEqual([both.inputs.length, one.inputs.length], [2, 1]);
  pair.spends.clear();
  payerLooks(pair);
  assert.equal(pair.broadcasts.at(-1)?.inputs.length, 2);
});
