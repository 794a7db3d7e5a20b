import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import {
  assertRefused,
  contractsOn,
  flexibleContracts,
  fundingOf,
  keyNumber,
  must,
  payeeScript,
  sampleTerms,
} from '../../../test/world/sample.ts';
import { amount, feeFor } from '../base/amount.ts';
import { equalBytes, txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Deposit, Signing } from '../contract/contract.ts';
import { contracts } from '../contract/registry.ts';
import { closeSize } from '../contract/tx-size.ts';
import { p2pkh } from '../tx/script.ts';
import { encodeTransaction, outpointKey, type Transaction, transactionId } from '../tx/transaction.ts';
import { sourcesOf } from './payer-state.ts';

const DOGE = 100_000_000n;
const BURIED = 60;

function fixed(contract = contracts[0]): Signing {
  const terms = sampleTerms({ contract });
  return { kind: 'fixed', fee: feeFor(closeSize(terms, 2, 2), terms.coin.policy.feeRate) };
}

/** Pays what was to fund a deposit to somebody else. */
const other: Transaction = { ...fundingOf(sampleTerms(), [1n]), outputs: [{ value: DOGE, script: p2pkh(keyNumber(77).publicKey) }] };

function replace(pair: MachinePair, deposit: Deposit | undefined, depth: number, by: Transaction = other): void {
  assert.ok(deposit !== undefined);
  pair.chain.delete(outpointKey(deposit.outpoint));
  pair.replaced.set(outpointKey(deposit.outpoint), { kind: 'replaced', transaction: by, depth });
}

function look(pair: MachinePair): void {
  must(pair.tellPayee(pair.view()));
  must(pair.tellPayer(pair.view()));
}

function payeeEnd(pair: MachinePair): readonly [string, bigint | undefined, Transaction | undefined] {
  const state = pair.payeeState();
  return state.kind === 'ended' ? [state.how, state.received, state.transaction] : assert.fail(state.kind);
}

function payerEnd(pair: MachinePair): readonly [string, bigint] {
  const state = pair.payerState();
  return state.kind === 'ended' ? [state.how, state.returned] : assert.fail(state.kind);
}

function last(pair: MachinePair): Transaction {
  return pair.broadcasts.at(-1) ?? assert.fail('nothing was broadcast');
}

function inputs(transaction: Transaction): readonly string[] {
  return transaction.inputs.map(({ outpoint }) => outpointKey(outpoint));
}

function paid(transaction: Transaction, to = payeeScript): bigint {
  return transaction.outputs.filter(({ script }) => equalBytes(script, to)).reduce((sum, { value }) => sum + value, 0n);
}

for (const contract of contractsOn(dogecoinRegtest)) {
  const opened = (...values: readonly bigint[]): MachinePair => new MachinePair({ contract }).open(...values);
  const theft = (deposits: readonly Deposit[]): Transaction => ({
    version: 1,
    inputs: deposits.map(({ outpoint }) => ({ outpoint, script: Uint8Array.of(0x51), sequence: 0xffff_ffff })),
    outputs: [{ value: DOGE, script: p2pkh(keyNumber(66).publicKey) }],
    lockTime: 0,
  });

  describe(`${contract.id}: deposits whose coins went elsewhere`, () => {
    test('the channel pauses, goes on if they come back, and is lost once what took them is buried', () => {
      const pair = opened(10n * DOGE);
      pair.pay(DOGE);
      const [deposit] = pair.payeeState().deposits;
      replace(pair, deposit, 0);
      look(pair);
      assert.deepEqual([pair.payeeState().kind, pair.payerState().kind], ['paused', 'open']);
      assertRefused(pair.pay(2n * DOGE), 'funding-reorganised');
      pair.replaced.clear();
      pair.confirm(deposit ?? assert.fail());
      look(pair);
      assert.equal(pair.payeeState().kind, 'open');
      replace(pair, deposit, BURIED - 1);
      look(pair);
      assert.deepEqual([pair.payeeState().kind, pair.payerState().kind], ['paused', 'open']);
      replace(pair, deposit, BURIED);
      look(pair);
      assert.deepEqual(payeeEnd(pair), ['lost', 0n, other]);
      assert.deepEqual(payerEnd(pair), ['abandoned', 0n]);
    });

    test('one that stays away ends the channel when a refund at the expiry would be buried, and not before', () => {
      const pair = opened(10n * DOGE);
      pair.pay(DOGE);
      pair.chain.clear();
      for (const at of [1_400, 1_880, 2_000, 2_059]) {
        pair.tip = height(at);
        look(pair);
        assert.notEqual(pair.payeeState().kind, 'ended');
        assert.notEqual(pair.payerState().kind, 'ended');
      }
      pair.tip = height(2_060);
      look(pair);
      assert.deepEqual(payeeEnd(pair), ['lost', 0n, undefined]);
      assert.deepEqual(payerEnd(pair), ['abandoned', 0n]);
    });

    test('one that nobody takes after an end at nothing is let go by the payee when a refund at the expiry would be buried', () => {
      const pair = opened(10n * DOGE);
      const reply = pair.exchange({ kind: 'end' });
      const end = reply.kind === 'ended' ? reply.transaction : assert.fail(reply.kind);
      for (const at of [1_880, 2_000, 2_059]) {
        pair.tip = height(at);
        must(pair.tellPayee(pair.view()));
        assert.equal(pair.payeeState().kind, 'closing');
      }
      pair.tip = height(2_060);
      const waiting = pair.payee;
      must(pair.tellPayee(pair.view()));
      assert.deepEqual(payeeEnd(pair), ['unused', undefined, undefined]);
      pair.payee = waiting;
      pair.spend(end, 1);
      must(pair.tellPayee(pair.view()));
      assert.equal(pair.payeeState().kind, 'closing', 'control: it was mined at last');
      pair.spend(end, BURIED);
      must(pair.tellPayee(pair.view()));
      assert.deepEqual(payeeEnd(pair), ['closed', 0n, end]);
    });

    test('one that comes after the payer has given it up is refunded', () => {
      for (const others of [[], [4n * DOGE]]) {
        const pair = opened(...others, 10n * DOGE);
        const late = pair.payerState().deposits.at(-1) ?? assert.fail();
        pair.chain.delete(outpointKey(late.outpoint));
        pair.tip = height(2_060);
        look(pair);
        if (others.length > 0) {
          pair.spend(last(pair), BURIED);
          look(pair);
        }
        const [how, returned] = payerEnd(pair);
        assert.equal(how, others.length > 0 ? 'refunded' : 'abandoned');
        look(pair);
        assert.equal(pair.payerState().kind, 'ended', 'control: nothing has come');
        pair.confirm(late, 0);
        must(pair.tellPayer(pair.view()));
        assert.equal(pair.payerState().kind, 'refunding');
        assert.deepEqual(inputs(last(pair)), [outpointKey(late.outpoint)]);
        pair.spend(last(pair), BURIED);
        must(pair.tellPayer(pair.view()));
        const [howLate, all] = payerEnd(pair);
        assert.equal(howLate, 'refunded');
        assert.ok(typeof all === 'bigint' && typeof returned === 'bigint' && all - returned > 9n * DOGE);
      }
    });

    test('under terms that fix the fee nothing is left of a payment that takes from two', () => {
      const pair = new MachinePair({ contract, signing: fixed(contract) }).open(3n * DOGE, 7n * DOGE);
      pair.pay(5n * DOGE);
      const { deposits } = pair.payeeState();
      pair.spend(theft(deposits.slice(0, 1)), BURIED - 1);
      must(pair.tellPayee(pair.view()));
      assert.equal(pair.payeeState().kind, 'closing', 'it may still come back');
      pair.spend(theft(deposits.slice(0, 1)), BURIED);
      const before = pair.broadcasts.length;
      must(pair.tellPayee(pair.view()));
      assert.deepEqual([...payeeEnd(pair).slice(0, 2), pair.broadcasts.length - before], ['lost', 0n, 0]);
      const control = new MachinePair({ contract, signing: fixed(contract) }).open(3n * DOGE, 7n * DOGE);
      control.pay(2n * DOGE);
      control.spend(theft(control.payeeState().deposits.slice(1)), BURIED);
      must(control.tellPayee(control.view()));
      assert.equal(control.payeeState().kind, 'open', 'nothing is taken from it');
      must(control.tellPayee({ kind: 'close' }));
      const { best } = control.payeeState();
      const paysTo = contract.paysTo(control.terms, best?.hash);
      assert.deepEqual([control.payeeState().kind, paid(last(control), paysTo)], ['closing', 2n * DOGE]);
    });
  });
}

for (const contract of flexibleContracts) {
  describe(`${contract.id}: what is left of a payment when one of its deposits is gone`, () => {
    test('of two, what the payment takes from the other is claimed', () => {
      for (const gone of [0, 1]) {
        const pair = new MachinePair({ contract }).open(3n * DOGE, 7n * DOGE);
        pair.pay(5n * DOGE);
        const { deposits } = pair.payeeState();
        replace(pair, deposits[gone], BURIED);
        must(pair.tellPayee(pair.view()));
        const claim = last(pair);
        assert.equal(pair.payeeState().kind, 'closing');
        assert.deepEqual(inputs(claim), [outpointKey(deposits[1 - gone]?.outpoint ?? assert.fail())]);
        const due = gone === 0 ? 2n * DOGE : 3n * DOGE;
        assert.ok(paid(claim) < due && paid(claim) > due - DOGE / 100n);
        pair.spend(claim, BURIED);
        look(pair);
        assert.deepEqual(payeeEnd(pair), ['closed', paid(claim), claim]);
        assert.deepEqual(payerEnd(pair), ['closed', gone === 0 ? 5n * DOGE : 0n]);
      }
    });

    test('one that comes back after a close of the others is claimed by itself', () => {
      const pair = new MachinePair({ contract }).open(3n * DOGE, 7n * DOGE);
      pair.pay(5n * DOGE);
      const [first, second] = pair.payeeState().deposits;
      assert.ok(first !== undefined && second !== undefined);
      pair.chain.delete(outpointKey(first.outpoint));
      pair.tip = height(1_880);
      must(pair.tellPayee(pair.view()));
      const one = last(pair);
      assert.deepEqual(inputs(one), [outpointKey(second.outpoint)]);
      pair.spend(one, 3);
      pair.confirm(first);
      must(pair.tellPayee(pair.view()));
      const rest = last(pair);
      assert.deepEqual(inputs(rest), [outpointKey(first.outpoint)]);
      pair.spend(one, BURIED + 3);
      look(pair);
      assert.equal(pair.payeeState().kind, 'closing', 'the other is not buried');
      pair.spend(rest, BURIED);
      look(pair);
      assert.deepEqual(payeeEnd(pair).slice(0, 2), ['closed', paid(one) + paid(rest)]);
    });
  });
}

describe('where the coins of a deposit come from', () => {
  test('the payee keeps what its node said, further deposits included, and no more than sixteen outpoints of each', () => {
    const pair = new MachinePair();
    pair.create();
    const [first] = pair.fund([10n * DOGE]);
    assert.ok(first !== undefined);
    const spends = Array.from({ length: 20 }, (_, vout) => ({ txid: txId('cd'.repeat(32)), vout }));
    pair.confirm(first, 10, { spends });
    must(pair.tellPayer({ kind: 'launch' }));
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
    assert.deepEqual(pair.payeeState().sources, [{ deposit: first.outpoint, spends: spends.slice(0, 16) }]);
    const [second] = pair.fund([5n * DOGE]);
    assert.ok(second !== undefined);
    pair.confirm(second, 10, { spends: spends.slice(19) });
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
    assert.deepEqual(
      pair.payeeState().sources?.map(({ deposit, spends: kept }) => [outpointKey(deposit), kept.length]),
      [
        [outpointKey(first.outpoint), 16],
        [outpointKey(second.outpoint), 1],
      ],
    );
  });

  test('the payer has its funding transactions', () => {
    const pair = new MachinePair().open(10n * DOGE, 5n * DOGE);
    const found = sourcesOf(pair.payerState());
    assert.deepEqual(
      found.map(({ deposit, spends }) => [deposit, spends.length]),
      pair.payerState().deposits.map(({ outpoint }) => [outpoint, 1]),
    );
    assert.equal(new Set(found.flatMap(({ spends }) => spends.map(outpointKey))).size, 2);
  });

  test('a deposit under another id takes the place of one whose coins it spent', () => {
    const pair = new MachinePair();
    pair.create();
    const [sent] = pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    const malleated = { ...fundingOf(pair.terms, [5n * DOGE]), lockTime: 7 };
    const made = { outpoint: { txid: transactionId(malleated), vout: 0 }, value: amount(5n * DOGE) };
    replace(pair, sent, BURIED, malleated);
    pair.confirm(made, 1);
    must(pair.tellPayer(pair.view([{ deposit: made, transaction: encodeTransaction(malleated) }])));
    assert.deepEqual([pair.payerState().kind, pair.payerState().offered], ['funding', [made]]);
  });
});
