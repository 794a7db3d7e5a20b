import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MachinePair } from '../../test/world/machine-pair.ts';
import { amount, ZERO } from '../core/base/amount.ts';
import { channelId } from '../core/base/bytes.ts';
import { height, lockTime } from '../core/base/height.ts';
import { atRisk, type PayeeEnd, type PayeeState, pinnable } from '../core/channel/payee-state.ts';
import type { ChainView, DepositView } from '../core/channel/state-machine.ts';
import { capacityOf, closingAt } from '../core/contract/contract.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import { NextDeadlines } from './next-deadline.ts';
import { Tally } from './running-totals.ts';

const DOGE = 100_000_000n;
const pair = new MachinePair().open(100n * DOGE);
pair.pay(5n * DOGE);
const paid = pair.payeeState();
const { best } = paid;
const transaction = { version: 2, inputs: [], outputs: [], lockTime: 0 };

/** States of a channel, as far as sums are concerned. */
const stateArb: fc.Arbitrary<PayeeState> = fc
  .record({
    kind: fc.constantFrom('open', 'paused', 'closing', 'ended'),
    how: fc.constantFrom<PayeeEnd>('closed', 'refunded', 'lost', 'unused'),
    total: fc.bigInt(0n, 50n),
    expiry: fc.integer({ min: 1_900, max: 1_910 }),
  })
  .map(({ kind, how, total, expiry }) => {
    const { best: _, ...bare } = paid;
    const paidUp = total === 0n || best === undefined ? {} : { best: { ...best, total: amount(total * DOGE) } };
    const common = { ...bare, ...paidUp, terms: { ...paid.terms, expiry: height(expiry) }, spent: amount(total * DOGE) };
    if (kind === 'ended') return { ...common, kind, how, transaction };
    return kind === 'closing' ? { ...common, kind, transaction } : { ...common, kind: kind === 'open' ? 'open' : 'paused' };
  });

const ids = Array.from({ length: 5 }, (_, i) => channelId(`0${i}`.repeat(32)));
const stepArb = fc.record({ id: fc.constantFrom(...ids), state: stateArb });

/** The same sums, by going through all. */
function counted(states: readonly PayeeState[]): object {
  const living = states.filter(({ kind }) => kind !== 'ended');
  const owed = living.filter((state) => atRisk(state) > 0n);
  const sum = (values: readonly bigint[]): bigint => values.reduce((all, value) => all + value, 0n);
  const least = (values: readonly number[]): number | undefined => (values.length === 0 ? undefined : Math.min(...values));
  const count = (kind: string): number => states.filter((state) => state.kind === kind).length;
  const ends = (how: PayeeEnd): number => states.filter((state) => state.kind === 'ended' && state.how === how).length;
  return {
    counts: { open: count('open'), paused: count('paused'), closing: count('closing') },
    ends: { closed: ends('closed'), refunded: ends('refunded'), lost: ends('lost'), unused: ends('unused') },
    atRisk: sum(living.map(atRisk)),
    pinnable: sum(living.map(pinnable)),
    capacity: sum(living.map(({ deposits }) => capacityOf(deposits))),
    nearestClosing: least(owed.filter(({ kind }) => kind !== 'closing').map(({ terms }) => closingAt(terms))),
    nearestExpiry: least(owed.map(({ terms }) => terms.expiry)),
  };
}

function read({ counts, ends, atRisk: risk, pinnable: small, capacity, nearestClosings, nearestExpiries }: Tally): object {
  const [[nearestClosing], [nearestExpiry]] = [nearestClosings, nearestExpiries];
  return { counts, ends, atRisk: risk, pinnable: small, capacity, nearestClosing, nearestExpiry };
}

test('sums kept step by step are those of all channels, also after a start in between', () => {
  fc.assert(
    fc.property(fc.array(stepArb, { maxLength: 40 }), fc.nat(40), (steps, restart) => {
      const totals = new Tally();
      totals.open();
      const states = new Map<(typeof ids)[number], PayeeState>();
      for (const [i, { id, state }] of steps.entries()) {
        if (i === restart) {
          totals.open();
          for (const [channel, known] of states) totals.found(channel, known);
        }
        const known = states.get(id);
        // What has ended stays as it is, and a channel does not begin with its end.
        const next = known?.kind === 'ended' ? known : known === undefined && state.kind === 'ended' ? undefined : state;
        if (next === undefined) continue;
        states.set(id, next);
        totals.stored(id, next);
        assert.deepEqual(read(totals), counted([...states.values()]));
        const closing = [...states].filter(([, one]) => one.kind === 'closing').map(([channel]) => channel);
        assert.deepEqual(new Set(totals.unmined.map(({ channel }) => channel)), new Set(closing));
      }
    }),
  );
});

test('an end counts as unmined until it was seen in a block, and again when the block is gone', () => {
  const totals = new Tally();
  const [id = channelId('00'.repeat(32))] = ids;
  const closing: PayeeState = { ...paid, kind: 'closing', transaction };
  const view = (seen: DepositView): ChainView => ({
    kind: 'view',
    deposits: new Map(paid.deposits.map(({ outpoint }) => [outpointKey(outpoint), seen])),
    found: [],
  });
  const count = (seen: DepositView): number => {
    totals.viewed(id, view(seen));
    return totals.unmined.length;
  };
  totals.stored(id, paid);
  assert.equal(count({ kind: 'unspent', depth: 3 }), 0);
  totals.stored(id, closing);
  assert.deepEqual(totals.unmined, [{ channel: id, atRisk: 5n * DOGE, closing: 1_880, expiry: 2_000 }]);
  assert.equal(count({ kind: 'spent', transaction, depth: 0 }), 1);
  assert.equal(count({ kind: 'spent', transaction, depth: 1 }), 0);
  totals.stored(id, closing);
  assert.equal(totals.unmined.length, 0);
  assert.equal(count({ kind: 'unspent', depth: 3 }), 1);
  totals.stored(id, { ...paid, kind: 'ended', how: 'closed', transaction });
  assert.equal(totals.unmined.length, 0);
});

test('with no channels all sums are zero and no height is near', () => {
  const totals = new Tally();
  assert.deepEqual(read(totals), counted([]));
  assert.equal(totals.atRisk, ZERO);
});

test('the least height among many costs nothing to ask again, and is found again when it is gone', () => {
  const heights = new NextDeadlines();
  assert.deepEqual(heights.first, []);
  for (const value of [7, 5, 5, 9]) heights.add(height(value));
  assert.deepEqual(heights.first, [5]);
  heights.remove(height(5));
  assert.deepEqual(heights.first, [5]);
  heights.remove(height(5));
  assert.deepEqual(heights.first, [7]);
  heights.add(height(3));
  assert.deepEqual(heights.first, [3]);
  heights.add(lockTime(1_700_000_000));
  assert.deepEqual(heights.first, [3, 1_700_000_000], 'a time is no height');
});
