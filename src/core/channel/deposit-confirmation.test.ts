import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, must, type SampleTerms } from '../../../test/world/sample.ts';
import { amount, ZERO } from '../base/amount.ts';
import { after } from '../base/height.ts';
import { outpointKey } from '../tx/transaction.ts';
import { restingBelowDepth, writtenOff } from './deposit-confirmation.ts';
import { exposureOf, restsOf } from './payee-state.ts';

const DOGE = 100_000_000n;
const CAP = amount(4n * DOGE);
const { buried } = new MachinePair().terms.coin.channel;

function opened(values: readonly bigint[], depth: number, options: SampleTerms = {}): MachinePair {
  const pair = new MachinePair({ expiry: after(new MachinePair().tip, 1_500), ...options }, { unconfirmed: CAP });
  pair.room = amount(20n * CAP);
  pair.create();
  pair.fund(values, depth);
  must(pair.tellPayer({ kind: 'launch' }));
  assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  return pair;
}

/** So many blocks later, with the deposits so deep; undefined is nowhere. */
function pass(pair: MachinePair, blocks: number, ...depths: readonly (number | undefined)[]): void {
  pair.tip = after(pair.tip, blocks);
  for (const [i, deposit] of pair.payeeState().deposits.entries()) {
    const depth = depths[i];
    if (depth === undefined) pair.chain.delete(outpointKey(deposit.outpoint));
    else pair.confirm(deposit, depth);
  }
  must(pair.tellPayee(pair.view()));
}

const lostOf = (pair: MachinePair): bigint => writtenOff(restsOf(pair.payeeState()));

describe('a deposit that no block takes', () => {
  test('is written off in the end, wherever it was meanwhile, and its channel delivers no more on it', () => {
    const pair = opened([10n * DOGE], 0);
    assert.equal(pair.pay(3n * DOGE).kind, 'receipt');
    pass(pair, 20, undefined);
    pass(pair, 20, 0);
    pass(pair, buried - 41, undefined);
    assert.deepEqual([exposureOf(pair.payeeState()), lostOf(pair)], [3n * DOGE, 0n]);
    pass(pair, 1, 0);
    assert.deepEqual([exposureOf(pair.payeeState()), lostOf(pair), pair.payeeState().kind], [0n, 3n * DOGE, 'open']);
    assertRefused(pair.pay(4n * DOGE), 'exposure-full');
    pass(pair, 500, undefined);
    assert.equal(lostOf(pair), 3n * DOGE);
    pass(pair, 1, 1);
    assert.deepEqual([exposureOf(pair.payeeState()), lostOf(pair)], [3n * DOGE, 0n]);
    pass(pair, 2, 3);
    assert.equal(pair.pay(9n * DOGE).kind, 'receipt');
  });

  test('in front of a deep one takes only its own part with it', () => {
    const pair = opened([DOGE, 10n * DOGE], 0);
    assert.equal(pair.pay(3n * DOGE).kind, 'receipt');
    pass(pair, 1, 0, 1);
    pass(pair, buried - 2, 0, buried - 1);
    assert.deepEqual([exposureOf(pair.payeeState()), lostOf(pair)], [3n * DOGE, 0n]);
    pass(pair, 1, 0, buried);
    assert.deepEqual([exposureOf(pair.payeeState()), lostOf(pair)], [0n, DOGE]);
    assert.equal(pair.pay(9n * DOGE).kind, 'receipt');
  });

  test('takes all of a payment with it that is signed for all deposits or none', () => {
    const pair = opened([DOGE, 10n * DOGE], 0, { signing: { kind: 'fixed', fee: amount(DOGE / 50n) } });
    assert.equal(pair.pay(3n * DOGE).kind, 'receipt');
    pass(pair, 1, 0, 1);
    pass(pair, buried, 0, buried);
    assert.deepEqual([exposureOf(pair.payeeState()), lostOf(pair)], [0n, 3n * DOGE]);
    assertRefused(pair.pay(4n * DOGE), 'exposure-full');
  });
});

describe('what rests on young blocks', () => {
  test('is told by deposit, ages with the tip, and is young again after a reorganisation', () => {
    const pair = opened([5n * DOGE, 10n * DOGE], 4);
    pass(pair, 0, 30, 4);
    assert.equal(pair.pay(8n * DOGE).kind, 'receipt');
    const below = (blocks: number): bigint => restingBelowDepth(restsOf(pair.payeeState()), blocks, pair.tip);
    assert.deepEqual([below(5), below(31), below(4), below(60)], [3n * DOGE, 8n * DOGE, 0n, 8n * DOGE]);
    pair.tip = after(pair.tip, 20);
    assert.deepEqual([below(24), below(25)], [0n, 3n * DOGE]);
    pass(pair, 0, 50, 3);
    assert.equal(below(4), 3n * DOGE);
    pass(pair, buried, buried + 50, buried + 3);
    assert.equal(pair.payeeState().places, undefined, 'what is buried is not kept');
  });

  test('is no deeper for a payee that has read less of the chain than its node when the deposit is announced', () => {
    const restingLater = (lag: number): readonly bigint[] => {
      const pair = new MachinePair({ expiry: after(new MachinePair().tip, 1_500) });
      pair.create();
      pair.fund([10n * DOGE], 4);
      pair.nodeTip = after(pair.tip, lag);
      must(pair.tellPayer({ kind: 'launch' }));
      assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
      assert.equal(pair.pay(8n * DOGE).kind, 'receipt');
      pair.tip = pair.nodeTip;
      return [4, 5].map((blocks) => restingBelowDepth(restsOf(pair.payeeState()), blocks, pair.tip));
    };
    assert.deepEqual(restingLater(0), [0n, 8n * DOGE]);
    assert.deepEqual(restingLater(9), [0n, 8n * DOGE]);
  });

  test('is bounded whatever its channel may have; waiting helps, and an answer that was given is given again', () => {
    const pair = opened([10n * DOGE], 3);
    pair.young = [{ below: 20, room: amount(DOGE) }];
    assert.equal(pair.pay(DOGE).kind, 'receipt');
    pair.young = [{ below: 20, room: ZERO }];
    const refusal = pair.pay(2n * DOGE);
    assertRefused(refusal, 'exposure-full');
    assert.deepEqual([refusal.detail['most'], refusal.detail['blocks']], [String(DOGE), '17']);
    pair.tip = after(pair.tip, 17);
    assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
  });

  test('stays what it was while a close waits', () => {
    const pair = opened([10n * DOGE], 3);
    assert.equal(pair.pay(8n * DOGE).kind, 'receipt');
    const before = pair.payeeState().places;
    must(pair.tellPayee({ kind: 'close' }));
    const close = pair.broadcasts.at(-1) ?? assert.fail();
    for (const [depth, depositDepth] of [[0], [0, 3], [1]] as const) {
      pair.spend(close, depth, depositDepth);
      must(pair.tellPayee(pair.view()));
      assert.deepEqual(pair.payeeState().places, before);
    }
    pair.spend(close, 0, 0);
    must(pair.tellPayee(pair.view()));
    assert.deepEqual(pair.payeeState().places, [{ at: 'none', height: pair.tip }]);
    pair.spend(close, 2);
    must(pair.tellPayee(pair.view()));
    assert.deepEqual(pair.payeeState().places, [{ at: 'block', height: pair.tip - 1 }]);
  });
});
