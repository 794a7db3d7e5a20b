import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { flexibleContracts, must, payeeKey, replacingCoin } from '../../../test/world/sample.ts';
import { amount } from '../../core/base/amount.ts';
import { height } from '../../core/base/height.ts';
import { combinedCost } from '../../core/channel/deposit-view.ts';
import type { DepositView } from '../../core/channel/state-machine.ts';
import { costOf, isRaise } from '../../core/contract/fee.ts';
import { outpointKey, type Transaction } from '../../core/tx/transaction.ts';
import { channelDue } from './channel-due.ts';
import { feeLadder, feeLaddersPerDeposit } from './fee-ladder.ts';

for (const contract of flexibleContracts) {
  test(`${contract.id}: a watcher's closes reach half of what they take, and outpay what was built on the one that waits`, () => {
    const pair = new MachinePair({ contract, coin: replacingCoin(contract) });
    const { policy } = pair.terms.coin;
    pair.open(policy.dust * 100_000n);
    const total = amount(policy.dust * 90_000n);
    pair.pay(total);
    const state = pair.payeeState();
    const closes = must(feeLadder(state, payeeKey));
    const { channel, terms, deposits } = state;
    const top = costOf(closes.at(-1) ?? assert.fail(), deposits) ?? assert.fail();
    const most = total / 2n < policy.maxFee ? total / 2n : policy.maxFee;
    assert.ok(top.fee <= most && top.fee * 3n > most * 2n, 'no raise is left that may be paid');
    const own = costOf(closes[0], deposits) ?? assert.fail();
    const [deposit] = deposits;
    assert.ok(deposit !== undefined);
    const watched = { channel, terms, deposits, total, since: height(1_000), closes };
    const sentWith = (burden: bigint): readonly (typeof closes)[number][] => {
      const seen = { kind: 'spent', transaction: closes[0], depth: 0, cost: { ...own, burden: amount(burden) } } as const;
      const view = { kind: 'view', deposits: new Map([[outpointKey(deposit.outpoint), seen]]), found: [] } as const;
      const at = { tip: height(1_990), medianTime: terms.expiry - Math.ceil(terms.closingMargin / 12), now: 0 };
      const { sends } = channelDue(watched, view, { ...at, feeRate: policy.feeRate, isMerchantSilent: true });
      const send = sends.flat();
      const before = combinedCost([seen], deposits) ?? assert.fail();
      for (const close of send) assert.ok(isRaise(policy, before, costOf(close, deposits) ?? assert.fail()));
      return send;
    };
    const unburdened = sentWith(0n);
    const [cheap, dear] = [unburdened[0], sentWith(top.fee / 8n)[0]].map((one) => (one && costOf(one, deposits)?.fee) ?? assert.fail());
    assert.ok(cheap !== undefined && dear !== undefined && dear > cheap);
    assert.deepEqual(sentWith(top.fee), [], 'nothing that it holds pays for so much');
  });
}

test('of two deposits that are closed one by one, only a close that takes less than is owed from one is a worse spend', () => {
  const pair = new MachinePair();
  const { dust } = pair.terms.coin.policy;
  pair.open(dust * 1_000n, dust * 1_000n);
  pair.pay(amount(dust * 600n));
  const [older] = must(feeLadder(pair.payeeState(), payeeKey));
  pair.pay(amount(dust * 1_500n));
  const state = pair.payeeState();
  const { channel, terms, deposits } = state;
  const closes = must(feeLadder(state, payeeKey));
  const apart = feeLaddersPerDeposit(state, payeeKey);
  const [used, inUse] = deposits.map(({ outpoint }) => outpointKey(outpoint));
  const first = apart.map((lot) => lot.closes[0]).find((close) => inputsOf(close) === used);
  assert.ok(apart.length === 2 && first !== undefined && used !== undefined && inUse !== undefined);
  const watched = { channel, terms, deposits, total: amount(dust * 1_500n), since: height(1_000), closes, apart };
  const at = { tip: height(1_990), medianTime: 0, now: 0, feeRate: terms.coin.policy.feeRate, isMerchantSilent: true };
  const verdictOn = (taker: (typeof closes)[0], depth: number): ReturnType<typeof channelDue> => {
    const seen = new Map<string, DepositView>([
      [used, { kind: 'spent', transaction: taker, depth }],
      [inUse, { kind: 'unspent', depth: 10 }],
    ]);
    return channelDue(watched, { kind: 'view', deposits: seen, found: [] }, at);
  };
  for (const depth of [0, 1]) {
    const fair = verdictOn(first, depth);
    assert.notEqual(fair.danger?.code, 'worse-spend');
    assert.ok(fair.sends.some(([close]) => close !== undefined && inputsOf(close) === inUse));
    assert.equal(verdictOn(older, depth).danger?.code, 'worse-spend');
  }
  const lost = verdictOn(older, 1);
  assert.equal(lost.standing, 'lost');
  assert.ok(
    lost.sends.some(([close]) => close !== undefined && inputsOf(close) === inUse),
    'the other one is closed all the same',
  );
});

test('a deposit whose coins were spent otherwise, in no block yet, does not keep the others from being closed', () => {
  const pair = new MachinePair();
  const { dust } = pair.terms.coin.policy;
  pair.open(dust * 1_000n, dust * 1_000n);
  const total = amount(dust * 1_500n);
  pair.pay(total);
  const state = pair.payeeState();
  const { channel, terms, deposits } = state;
  const closes = must(feeLadder(state, payeeKey));
  const watched = { channel, terms, deposits, total, since: height(1_000), closes, apart: feeLaddersPerDeposit(state, payeeKey) };
  const [gone, left] = deposits.map(({ outpoint }) => outpointKey(outpoint));
  assert.ok(gone !== undefined && left !== undefined);
  const other = { version: 2, inputs: [], outputs: [], lockTime: 0 };
  for (const depth of [0, 1]) {
    const seen = new Map<string, DepositView>([
      [gone, { kind: 'replaced', transaction: other, depth }],
      [left, { kind: 'unspent', depth: 10 }],
    ]);
    const at = { tip: height(1_990), medianTime: 0, now: 0, feeRate: terms.coin.policy.feeRate, isMerchantSilent: true };
    const { sends, danger } = channelDue(watched, { kind: 'view', deposits: seen, found: [] }, at);
    assert.equal(danger?.code, 'worse-spend');
    assert.ok(
      sends.some(([close]) => close !== undefined && inputsOf(close) === left),
      `at depth ${depth}`,
    );
  }
});

function inputsOf({ inputs }: Transaction): string {
  return inputs.map(({ outpoint }) => outpointKey(outpoint)).join();
}
