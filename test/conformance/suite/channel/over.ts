import assert from 'node:assert/strict';
import type { Amount } from '../../../../src/core/base/amount.ts';
import type { ChannelId } from '../../../../src/core/base/bytes.ts';
import type { ChannelSubject, ChannelWorld } from '../../../world/channel-world.ts';

export type Case = readonly [name: string, run: (subject: ChannelSubject) => Promise<void>];

/** Whatever a close held for the payee is taken, and that is buried. */
export async function paidOut(world: ChannelWorld, channel: ChannelId): Promise<void> {
  const { terms, held = [] } = await world.payeeState(channel);
  const { revocation } = terms.contract;
  if (revocation === undefined || held.length === 0) return;
  const [first = assert.fail('a close holds one output')] = held;
  await world.mineTo(revocation.payoutAt(terms, await world.minedAt(first)));
  assert.equal(world.events.pop(), 'payee: accepted', 'a payout');
  await world.mine(1);
  await world.bury();
}

/** Buried on the chain, ended on both sides, and the payer has `returned` in its wallet. */
export async function isOverForBoth(world: ChannelWorld, channel: ChannelId, returned: Amount): Promise<void> {
  const before = await world.wallet.balance();
  await world.bury();
  await paidOut(world, channel);
  const payee = await world.payeeState(channel);
  assert.deepEqual([payee.kind, payee.kind === 'ended' && payee.how], ['ended', 'closed']);
  const payer = await world.payer(channel);
  assert.deepEqual(
    [payer.kind, payer.kind === 'ended' && payer.how, payer.kind === 'ended' && payer.returned],
    ['ended', 'closed', returned],
  );
  assert.equal((await world.wallet.balance()).confirmed, before.confirmed + returned);
  assert.deepEqual(world.events, []);
}
