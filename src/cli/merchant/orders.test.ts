import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../../core/base/amount.ts';
import { type ChannelId, channelId } from '../../core/base/bytes.ts';
import { refuse } from '../../core/base/refusal.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import type { Merchant } from '../../merchant/merchant.ts';
import { memoryStore } from '../../store/memory.ts';
import type { Log } from '../log/log.ts';
import { CLOSE_ORDER, carryOutOrders, DAMAGED_ORDER, GIVE_BACK_ORDER } from './orders.ts';

const [first, second, third] = [1, 2, 3].map((i) => channelId(`0${i}`.repeat(32))) as [ChannelId, ChannelId, ChannelId];
const ORDER = JSON.stringify({ amount: '5', order: 'one' });

interface Shop {
  readonly store: Store;
  readonly given: ChannelId[];
  readonly closed: ChannelId[];
  readonly troubles: string[];
  readonly look: () => Promise<void>;
}

/** A shop whose channel `broken` can't be read. */
async function shop(orders: readonly (readonly [kind: string, id: string, value: string])[], broken?: ChannelId): Promise<Shop> {
  const store = memoryStore();
  for (const [kind, id, value] of orders) assert.ok(await store.commit([{ kind, id, expected: 0, value }]));
  const [given, closed, troubles]: [ChannelId[], ChannelId[], string[]] = [[], [], []];
  const merchant: Pick<Merchant, 'settle' | 'giveBack'> = {
    settle: async (channels) => {
      closed.push(...channels);
      return channels.map((channel) => ({
        channel,
        why: refuse('nothing-to-close'),
      }));
    },
    giveBack: async (channel, by) => {
      assert.equal(by, amount(5n));
      if (channel === broken) throw new WorldError('store-damaged', 'It can’t be read.', 'Restore it.');
      given.push(channel);
      return { kind: 'driven', state: undefined, broadcasts: [], added: amount(0n) };
    },
  };
  const quiet = (): void => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, noted: quiet, failed: (where) => void troubles.push(where) };
  return { store, given, closed, troubles, look: () => carryOutOrders(merchant, store, log) };
}

test('an order that is damaged is told of and set aside, and those behind it are carried out', async () => {
  for (const value of ['{', '{}', JSON.stringify({ amount: '-5', order: 'one' })]) {
    const { store, given, troubles, look } = await shop([
      [GIVE_BACK_ORDER, first, value],
      [GIVE_BACK_ORDER, second, ORDER],
    ]);
    await look();
    assert.deepEqual(given, [second]);
    assert.equal(troubles.length, 1);
    assert.equal((await store.get(DAMAGED_ORDER, `${GIVE_BACK_ORDER}/${first}`))?.value, value);
    assert.ok(await store.commit([{ kind: GIVE_BACK_ORDER, id: first, expected: 0, value: ORDER }]), 'another can be given');
    await look();
    assert.deepEqual(given, [second, first]);
    assert.equal(troubles.length, 1);
  }
});

test('an order for what is no channel is set aside, to close or to give back', async () => {
  const { given, closed, troubles, look } = await shop([
    [CLOSE_ORDER, '!', '{}'],
    [CLOSE_ORDER, second, '{}'],
    [GIVE_BACK_ORDER, '!', ORDER],
    [GIVE_BACK_ORDER, third, ORDER],
  ]);
  await look();
  await look();
  assert.deepEqual([closed, given, troubles.length], [[second], [third], 2]);
});

test('an order whose channel can’t be read waits, and those behind it are carried out', async () => {
  const { store, given, troubles, look } = await shop(
    [
      [GIVE_BACK_ORDER, first, ORDER],
      [GIVE_BACK_ORDER, second, ORDER],
    ],
    first,
  );
  await look();
  assert.deepEqual([given, troubles.length], [[second], 1]);
  assert.equal((await store.get(GIVE_BACK_ORDER, first))?.value, ORDER);
});

test('what hinders all orders to close hinders none to give back', async () => {
  const { store, given, troubles } = await shop([
    [CLOSE_ORDER, first, '{}'],
    [GIVE_BACK_ORDER, second, ORDER],
  ]);
  const settle = (): Promise<never> => Promise.reject(new WorldError('store-busy', 'Busy.', 'Wait.'));
  const giveBack: Merchant['giveBack'] = async (channel) => {
    given.push(channel);
    return { kind: 'driven', state: undefined, broadcasts: [], added: amount(0n) };
  };
  const quiet = (): void => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, noted: quiet, failed: (where) => void troubles.push(where) };
  await assert.rejects(carryOutOrders({ settle, giveBack }, store, log), { code: 'store-busy' });
  assert.deepEqual(given, [second]);
});
