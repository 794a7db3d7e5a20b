import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, contractsOn, FLEXIBLE, fundingOf, must, sampleTerms, signingsOf } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Deposit, Signing } from '../contract/contract.ts';
import type { Reply } from '../message/message.ts';
import { outpointKey } from '../tx/transaction.ts';

const DOGE = 100_000_000n;
const CAP = amount(100n * DOGE);
const BURIED = 60;

function look(pair: MachinePair): void {
  must(pair.tellPayee(pair.view()));
  must(pair.tellPayer(pair.view()));
}

function replace(pair: MachinePair, deposit: Deposit | undefined, depth: number): Deposit {
  assert.ok(deposit !== undefined);
  const key = outpointKey(deposit.outpoint);
  pair.chain.delete(key);
  pair.replaced.set(key, { kind: 'replaced', transaction: fundingOf(sampleTerms(), [1n]), depth });
  return deposit;
}

function inputs(reply: Reply): readonly string[] {
  return reply.kind === 'ended'
    ? reply.transaction.inputs.map(({ outpoint }) => outpointKey(outpoint))
    : assert.fail(JSON.stringify(reply));
}

const fixed: Signing = { kind: 'fixed', fee: amount(DOGE / 50n) };

for (const contract of contractsOn(dogecoinRegtest)) {
  for (const signing of [fixed, FLEXIBLE].filter(({ kind }) => signingsOf(contract).includes(kind))) {
    const opened = (...values: readonly bigint[]): MachinePair =>
      new MachinePair({ contract, signing }, { unconfirmed: CAP }).open(...values);

    describe(`${contract.id}, ${signing.kind}: one deposit that goes does not stop what others hold`, () => {
      test('payments out of what is before it go on; nothing is taken from it, or from what is behind, until it is back', () => {
        const pair = opened(10n * DOGE, 3n * DOGE, 5n * DOGE);
        pair.room = CAP;
        pair.pay(4n * DOGE);
        const gone = replace(pair, pair.payeeState().deposits[1], 1);
        look(pair);
        assert.deepEqual([pair.payeeState().kind, pair.payeeState().reach], ['open', 10n * DOGE]);
        assert.equal(pair.pay(9n * DOGE).kind, 'receipt');
        for (const total of [11n, 14n]) assertRefused(pair.pay(total * DOGE), 'funding-reorganised');
        pair.replaced.clear();
        pair.confirm(gone);
        look(pair);
        assert.equal(pair.payeeState().reach, undefined);
        assert.equal(pair.pay(14n * DOGE).kind, 'receipt');
      });

      test('once what took it is buried, the channel goes on all the same, whether something was paid or not', () => {
        for (const paid of [0n, 4n]) {
          const pair = opened(10n * DOGE, 3n * DOGE);
          if (paid > 0n) pair.pay(paid * DOGE);
          replace(pair, pair.payeeState().deposits[1], BURIED);
          look(pair);
          assert.equal(pair.payeeState().kind, 'open');
          assert.equal(pair.pay(6n * DOGE).kind, 'receipt');
        }
      });

      test('one that is paid from, or the first of all, pauses as ever', () => {
        const pair = opened(10n * DOGE, 3n * DOGE);
        replace(pair, pair.payeeState().deposits[0], 1);
        look(pair);
        assert.equal(pair.payeeState().kind, 'paused');
        assertRefused(pair.pay(DOGE), 'funding-reorganised');
        const other = opened(10n * DOGE, 8n * DOGE);
        other.pay(12n * DOGE);
        replace(other, other.payeeState().deposits[1], 1);
        look(other);
        assert.equal(other.payeeState().kind, 'paused');
      });

      test('an end leaves out what is gone, wherever it stands', () => {
        for (const at of [0, 1, 2]) {
          const pair = opened(10n * DOGE, 3n * DOGE, 5n * DOGE);
          const { deposits } = pair.payeeState();
          const gone = replace(pair, deposits[at], 1);
          look(pair);
          const reply = pair.exchange({ kind: 'end', absent: [gone.outpoint] });
          assert.deepEqual(
            inputs(reply),
            deposits.filter((one) => one !== deposits[at]).map(({ outpoint }) => outpointKey(outpoint)),
          );
          assert.equal(pair.payerState().kind, 'ending');
        }
      });

      test('but none that a payment takes from: that could be had twice, should it come back', () => {
        const pair = opened(10n * DOGE, 15n * DOGE);
        pair.pay(4n * DOGE);
        const { deposits } = pair.payeeState();
        const [first, second] = [deposits[0] ?? assert.fail(), deposits[1] ?? assert.fail()];
        const both = pair.request({ kind: 'end', absent: [first.outpoint] });
        assert.deepEqual(both.kind === 'end' && both.agreement.without, undefined);
        const other = opened(10n * DOGE, 15n * DOGE);
        other.pay(4n * DOGE);
        const one = other.request({ kind: 'end', absent: [second.outpoint] });
        assert.deepEqual(one.kind === 'end' && one.agreement.without, [second.outpoint]);
      });

      test('an end at nothing whose deposit goes is made again without it; one that may come is not', () => {
        const pair = opened(10n * DOGE, 3n * DOGE);
        const { deposits } = pair.payeeState();
        assert.equal(inputs(pair.exchange({ kind: 'end' })).length, 2);
        look(pair);
        const same = pair.request({ kind: 'end', absent: deposits.map(({ outpoint }) => outpoint) });
        assert.deepEqual(same.kind === 'end' && same.agreement.without, undefined, 'all spent: by the end itself');
        const gone = replace(pair, deposits[1], 1);
        look(pair);
        const reply = pair.exchange({ kind: 'end', absent: [gone.outpoint] });
        assert.deepEqual(inputs(reply), [outpointKey(deposits[0]?.outpoint ?? assert.fail())]);
        assert.deepEqual([pair.payeeState().kind, pair.payerState().kind], ['closing', 'ending']);
        if (reply.kind === 'ended') pair.spend(reply.transaction, BURIED);
        must(pair.tellPayee(pair.view()));
        const state = pair.payeeState();
        assert.equal(state.kind === 'ended' && state.how, 'closed');
      });
    });
  }
}
