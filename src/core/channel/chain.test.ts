import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import {
  assertRefused,
  contractsOn,
  fundingOf,
  must,
  payerKey,
  replacingCoin,
  returnScript,
  sampleFunding,
} from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { equalBytes, txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { type Deposit, payerScript } from '../contract/contract.ts';
import { encodeTransaction, outpointKey, type Transaction, transactionId } from '../tx/transaction.ts';

const DOGE = 100_000_000n;
const BURIED = 60;

/** Both sides look at the chain. */
function look(pair: MachinePair): void {
  if (pair.payer !== undefined) must(pair.tellPayer(pair.view()));
  if (pair.payee !== undefined) must(pair.tellPayee(pair.view()));
}

function payeeKind(pair: MachinePair): string {
  return pair.payeeState().kind;
}

/** How the payee's part ended; fails when it did not. */
function payeeEnd(pair: MachinePair): string {
  const state = pair.payeeState();
  return state.kind === 'ended' ? state.how : assert.fail(state.kind);
}

function last(pair: MachinePair): Transaction {
  return pair.broadcasts.at(-1) ?? assert.fail('nothing was broadcast');
}

function keys(deposits: readonly Deposit[]): readonly string[] {
  return deposits.map(({ outpoint }) => outpointKey(outpoint));
}

function inputs(transaction: Transaction): readonly string[] {
  return transaction.inputs.map(({ outpoint }) => outpointKey(outpoint));
}

for (const contract of contractsOn(dogecoinRegtest)) {
  const opened = (...values: readonly bigint[]): MachinePair => new MachinePair({ contract }).open(...values);

  describe(`${contract.id}: the payee and the chain`, () => {
    test('closes with the best at the margin, not a block before, and sends it until it is buried', () => {
      const pair = opened(10n * DOGE);
      pair.pay(DOGE);
      pair.pay(3n * DOGE);
      pair.broadcasts.length = 0;
      pair.tip = height(1_879);
      must(pair.tellPayee(pair.view()));
      assert.deepEqual([payeeKind(pair), pair.broadcasts.length], ['open', 0]);
      pair.tip = height(1_880);
      must(pair.tellPayee(pair.view()));
      const close = last(pair);
      assert.equal(payeeKind(pair), 'closing');
      assert.equal(paidTo(close, payerScript(pair.terms)), 7n * DOGE - pair.fixedFee);
      must(pair.tellPayee(pair.view()));
      assert.equal(transactionId(last(pair)), transactionId(close));
      assert.equal(pair.broadcasts.length, 2);
      pair.spend(close, 0);
      must(pair.tellPayee(pair.view()));
      assert.equal(pair.broadcasts.length, 2, 'it is in the mempool: nothing to do');
      pair.spend(close, BURIED - 1);
      must(pair.tellPayee(pair.view()));
      assert.equal(payeeKind(pair), 'closing');
      pair.spend(close, BURIED);
      look(pair);
      pair.payOut(close);
      assert.equal(payeeEnd(pair), 'closed');
      const payer = pair.payerState();
      assert.deepEqual(payer.kind === 'ended' && [payer.how, payer.returned], ['closed', 7n * DOGE - pair.fixedFee]);
    });

    test('a close that left the chain is sent again', () => {
      const pair = opened(10n * DOGE);
      pair.pay(DOGE);
      must(pair.tellPayee({ kind: 'close' }));
      const close = last(pair);
      pair.spend(close, 5);
      must(pair.tellPayee(pair.view()));
      pair.spends.clear();
      const before = pair.broadcasts.length;
      must(pair.tellPayee(pair.view()));
      assert.deepEqual(pair.broadcasts.slice(before).map(transactionId), [transactionId(close)]);
    });

    test('without a payment there is nothing to close, and at the expiry nothing to wait for', () => {
      const pair = opened(10n * DOGE);
      assertRefused(pair.tellPayee({ kind: 'close' }), 'nothing-to-close');
      pair.tip = height(1_999);
      must(pair.tellPayee(pair.view()));
      assert.equal(payeeKind(pair), 'open');
      pair.tip = height(2_000);
      must(pair.tellPayee(pair.view()));
      assert.equal(payeeEnd(pair), 'unused');
    });

    test('a refund in the mempool is contested, and a buried one believed', () => {
      const coin = replacingCoin(contract);
      const pair = new MachinePair({ contract, coin }).open(1_000n * coin.policy.dust);
      pair.pay(100n * coin.policy.dust);
      pair.tip = height(2_000);
      must(pair.tellPayer(pair.view()));
      const refund = last(pair);
      pair.spend(refund, 0);
      must(pair.tellPayee(pair.view()));
      assert.equal(payeeKind(pair), 'closing');
      assert.notEqual(transactionId(last(pair)), transactionId(refund));
      pair.spend(refund, BURIED);
      look(pair);
      assert.equal(payeeEnd(pair), 'refunded');
      const payer = pair.payerState();
      assert.deepEqual(payer.kind === 'ended' && payer.how, 'refunded');
    });

    test('nothing is taken on a deposit that is spent, even before that is buried', () => {
      const pair = opened(10n * DOGE);
      const { terms, deposits, channel } = pair.payeeState();
      const before = pair.payee;
      pair.payee = undefined;
      pair.ask(pair.announcement());
      const older = pair.payee;
      pair.payee = before;
      // An end that an older self agreed to, of which this one knows nothing.
      const reply = pair.exchange({ kind: 'end' });
      if (reply.kind !== 'ended') assert.fail(reply.kind);
      pair.payee = older;
      pair.spend(reply.transaction, 0);
      must(pair.tellPayee(pair.view()));
      const payment = must(contract.sign(terms, deposits, amount(DOGE), payerKey, pair.hash));
      assertRefused(pair.ask({ kind: 'payment', channel, payment }), 'funding-reorganised');
      pair.spends.clear();
      must(pair.tellPayee(pair.view()));
      assert.equal(pair.ask({ kind: 'payment', channel, payment }).kind, 'receipt');
    });

    test('fees that no total could pay do not keep it from closing', () => {
      const pair = opened(10n * DOGE);
      pair.pay(DOGE / 10n);
      pair.feeRate = amount(1_000n * DOGE);
      pair.tip = height(1_880);
      must(pair.tellPayee(pair.view()));
      assert.equal(payeeKind(pair), 'closing');
      assert.equal(pair.broadcasts.length > 0, true);
    });
  });

  describe(`${contract.id}: the payer and the chain`, () => {
    test('refunds at the expiry, not a block before, and is over when it is buried', () => {
      const pair = opened(10n * DOGE, 5n * DOGE);
      const before = pair.broadcasts.length;
      pair.tip = height(1_999);
      must(pair.tellPayer(pair.view()));
      assert.deepEqual([pair.payerState().kind, pair.broadcasts.length], ['open', before]);
      pair.tip = height(2_000);
      must(pair.tellPayer(pair.view()));
      const refund = last(pair);
      assert.equal(refund.lockTime, pair.terms.expiry);
      assert.deepEqual(inputs(refund), keys(pair.payerState().deposits));
      assert.deepEqual(
        refund.outputs.map((output) => output.script),
        [returnScript],
      );
      must(pair.tellPayer(pair.view()));
      assert.equal(transactionId(last(pair)), transactionId(refund));
      pair.spend(refund, BURIED);
      must(pair.tellPayer(pair.view()));
      const payer = pair.payerState();
      assert.deepEqual(payer.kind === 'ended' && [payer.how, payer.returned], ['refunded', refund.outputs[0]?.value]);
    });

    test('refunds what a close left over', () => {
      const pair = opened(10n * DOGE, 5n * DOGE);
      pair.pay(3n * DOGE);
      must(pair.tellPayee({ kind: 'close' }));
      const close = last(pair);
      assert.equal(close.inputs.length, 1);
      pair.spend(close, BURIED);
      look(pair);
      assert.equal(pair.payerState().kind, 'open');
      pair.tip = height(2_000);
      must(pair.tellPayer(pair.view()));
      const refund = last(pair);
      assert.deepEqual(inputs(refund), keys(pair.payerState().deposits.slice(1)));
      pair.spend(refund, BURIED);
      must(pair.tellPayer(pair.view()));
      const payer = pair.payerState();
      assert.deepEqual(payer.kind === 'ended' && [payer.how, payer.returned], [
        'closed',
        7n * DOGE - pair.fixedFee + (refund.outputs[0]?.value ?? 0n),
      ]);
    });

    test('fees that no deposit could pay do not keep it from refunding', () => {
      const pair = opened(DOGE / 10n);
      pair.feeRate = amount(1_000n * DOGE);
      pair.tip = height(2_000);
      must(pair.tellPayer(pair.view()));
      assert.equal(pair.payerState().kind, 'refunding');
    });
  });
}

describe('deposits that are not what they were', () => {
  test('one under another id takes the place of the one that was sent', () => {
    const pair = new MachinePair();
    pair.create();
    const [sent] = pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    const { deposits } = sampleFunding(pair.terms, [5n * DOGE]);
    const [malleated] = deposits;
    assert.ok(sent !== undefined && malleated !== undefined);
    const other = { ...malleated, outpoint: { txid: txId('ab'.repeat(32)), vout: 0 } };
    pair.chain.clear();
    pair.confirm(other);
    must(pair.tellPayer(pair.view([{ deposit: other, transaction: encodeTransaction(fundingOf(pair.terms, [5n * DOGE])) }])));
    assert.deepEqual(pair.payerState().offered, [other]);
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  });

  test('a top-up that was never mined does not keep a closed channel from being over', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const [missing] = pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    pair.chain.delete(outpointKey(missing?.outpoint ?? assert.fail()));
    pair.pay(3n * DOGE);
    must(pair.tellPayee({ kind: 'close' }));
    pair.spend(last(pair), BURIED);
    pair.tip = height(1_999);
    look(pair);
    assert.equal(pair.payerState().kind, 'open', 'it may still come');
    pair.tip = height(2_000);
    look(pair);
    const payer = pair.payerState();
    assert.deepEqual(payer.kind === 'ended' && [payer.how, payer.returned], ['closed', 7n * DOGE - pair.fixedFee]);
  });

  test('an accepted deposit that came back under another id is refunded, and the channel is over', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const [gone] = pair.openPayer().deposits;
    const other: Deposit = { outpoint: { txid: txId('ab'.repeat(32)), vout: 0 }, value: amount(10n * DOGE) };
    pair.chain.delete(outpointKey(gone?.outpoint ?? assert.fail()));
    pair.confirm(other);
    must(pair.tellPayer(pair.view([{ deposit: other, transaction: encodeTransaction(fundingOf(pair.terms, [10n * DOGE])) }])));
    pair.tip = height(2_000);
    must(pair.tellPayer(pair.view()));
    const refund = last(pair);
    assert.deepEqual(inputs(refund), keys([other]));
    pair.spend(refund, BURIED - 1);
    must(pair.tellPayer(pair.view()));
    assert.equal(pair.payerState().kind, 'refunding');
    pair.spend(refund, BURIED);
    must(pair.tellPayer(pair.view()));
    const payer = pair.payerState();
    assert.deepEqual(payer.kind === 'ended' && payer.how, 'refunded');
  });

  test('coins that never came: sent until the expiry, and given up when a refund would long be buried', () => {
    const pair = new MachinePair();
    pair.create();
    pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    pair.chain.clear();
    const sent = pair.broadcasts.length;
    pair.tip = height(1_999);
    must(pair.tellPayer(pair.view()));
    assert.equal(pair.broadcasts.length, sent + 1);
    pair.tip = height(2_059);
    must(pair.tellPayer(pair.view()));
    assert.deepEqual([pair.payerState().kind, pair.broadcasts.length], ['funding', sent + 1]);
    pair.tip = height(2_060);
    must(pair.tellPayer(pair.view()));
    const payer = pair.payerState();
    assert.deepEqual(payer.kind === 'ended' && [payer.how, payer.returned], ['abandoned', 0n]);
  });

  test('dust from a stranger does not keep a channel from being over', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.pay(3n * DOGE);
    const { deposits } = sampleFunding(pair.terms, [1_000_000n]);
    const [dust] = deposits;
    assert.ok(dust !== undefined);
    pair.confirm(dust);
    must(pair.tellPayer(pair.view([{ deposit: dust, transaction: new Uint8Array() }])));
    must(pair.tellPayee({ kind: 'close' }));
    pair.spend(last(pair), BURIED);
    look(pair);
    assert.deepEqual([pair.payerState().kind, payeeKind(pair)], ['ended', 'ended']);
  });
});

function paidTo(transaction: Transaction, to: Uint8Array): bigint {
  return transaction.outputs.filter((output) => equalBytes(output.script, to)).reduce((sum, { value }) => sum + value, 0n);
}
