import assert from 'node:assert/strict';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { after } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { closingAt } from '../../src/core/contract/contract.ts';
import type { FaultPlan } from '../world/faulty-chain.ts';
import { must } from '../world/sample.ts';
import type { Side, Trial } from './trial.ts';

const LIFETIME = 100;
const ROUNDS = 5;

/** What goes on while a node is in trouble, up to the end of the channel. */
export interface Scenario {
  readonly name: string;
  readonly side: Side;
  readonly run: (trial: Trial, plan: FaultPlan) => Promise<void>;
}

async function opened(trial: Trial): Promise<ChannelId> {
  const channel = await trial.world.openChannel(LIFETIME);
  for (let i = 0; i < 3; i++) assert.ok(await trial.pay(channel));
  return channel;
}

/** Pays once more, and closes. What fees are is asked with a block, so what was said of them in trouble counts until the next. */
async function settle(trial: Trial, channel: ChannelId): Promise<void> {
  await trial.world.mine(1);
  assert.equal((await trial.world.payeeState(channel)).kind, 'open');
  assert.ok(await trial.pay(channel));
  must(await trial.world.merchant.close(channel));
  await closed(trial, channel);
}

/** The close is mined, and both sides got what is theirs, the payer all but its part of the fee. */
async function closed(trial: Trial, channel: ChannelId, fee = 0n): Promise<void> {
  const { world } = trial;
  await trial.bury();
  const [payee, payer] = [await world.payeeState(channel), await world.payer(channel)];
  assert.ok(payee.kind === 'ended' && payee.how === 'closed', `payee ${payee.kind}`);
  assert.ok(payer.kind === 'ended' && payer.how === 'closed', `payer ${payer.kind}`);
  const best = payee.best?.total ?? 0n;
  assert.ok(best >= trial.acknowledged, 'what was acknowledged is kept');
  // Who lies about fees may cost what a close in a hurry may cost.
  assert.ok((payee.received ?? 0n) >= best / 2n, `the payee got ${payee.received} of ${best}`);
  assert.ok(payer.returned >= world.deposit - best - fee, `the payer got ${payer.returned} back`);
}

const idle: Scenario = {
  name: 'nothing going on',
  side: 'payee',
  run: async (trial, plan) => {
    const channel = await opened(trial);
    await trial.endure(plan, ROUNDS, () => trial.checkKept(channel));
    await settle(trial, channel);
  },
};

const paying: Scenario = {
  name: 'payments',
  side: 'payee',
  run: async (trial, plan) => {
    const channel = await opened(trial);
    await trial.endure(plan, ROUNDS, async () => {
      const isDoubted = trial.world.merchant.engine.follower.report().doubt !== undefined;
      const isPaid = await trial.pay(channel);
      assert.ok(!(isPaid && isDoubted), 'nothing is taken while in doubt');
      await trial.checkKept(channel);
    });
    await settle(trial, channel);
  },
};

const closing: Scenario = {
  name: 'a close that comes due',
  side: 'payee',
  run: async (trial, plan) => {
    const channel = await opened(trial);
    const { terms } = await trial.world.payeeState(channel);
    await trial.world.mineTo(after(closingAt(terms), -2));
    await trial.endure(plan, ROUNDS, () => trial.checkKept(channel));
    const state = await trial.world.payeeState(channel);
    assert.equal(state.kind, 'closing', 'the close goes out in the first look');
    await closed(trial, channel);
  },
};

const ordered: Scenario = {
  name: 'a close by order',
  side: 'payee',
  run: async (trial, plan) => {
    const channel = await opened(trial);
    await trial.endure(plan, ROUNDS, () => trial.world.merchant.close(channel));
    await closed(trial, channel);
  },
};

const ending: Scenario = {
  name: 'an agreed end',
  side: 'payee',
  run: async (trial, plan) => {
    const channel = await opened(trial);
    const { world } = trial;
    await trial.endure(plan, ROUNDS, () => world.agent.end(channel, world.payee));
    // A node that shows old blocks does not show deposits deep: who was told to wait asks again.
    if ((await world.payer(channel)).kind === 'open') must(await world.agent.end(channel, world.payee));
    await closed(trial, channel, trial.world.coin.policy.dust);
  },
};

const opening: Scenario = {
  name: 'a deposit being announced',
  side: 'payee',
  run: async (trial, plan) => {
    const { world } = trial;
    const offer = await world.offer();
    const expiry = after((await world.chain.tip()).height, LIFETIME);
    const { channel } = must(await world.agent.plan(offer, expiry, await world.freshScript()));
    must(await world.agent.fund(channel, world.deposit, world.payee));
    await trial.endure(plan, ROUNDS, async () => {
      const isDoubted = world.merchant.engine.follower.report().doubt !== undefined;
      const answer = await world.agent.announce(channel, world.payee);
      assert.ok(!(isDoubted && !isRefusal(answer)), 'nothing is accepted while in doubt');
    });
    await world.mine(1);
    must(await world.agent.announce(channel, world.payee));
    await settle(trial, channel);
  },
};

const launching: Scenario = {
  name: 'a deposit being made',
  side: 'payer',
  run: async (trial, plan) => {
    const { world } = trial;
    const offer = await world.offer();
    const expiry = after((await world.chain.tip()).height, LIFETIME);
    const { channel } = must(await world.agent.plan(offer, expiry, await world.freshScript()));
    await trial.endure(plan, ROUNDS, async () => {
      if ((await world.payer(channel)).kind === 'planned') await world.agent.fund(channel, world.deposit, world.payee);
    });
    if ((await world.payer(channel)).kind === 'planned') must(await world.agent.fund(channel, world.deposit, world.payee));
    // What was refused goes out with the next block.
    await world.mine(1);
    await world.mine(2);
    must(await world.agent.announce(channel, world.payee));
    await settle(trial, channel);
  },
};

const refunding: Scenario = {
  name: 'a refund that comes due',
  side: 'payer',
  run: async (trial, plan) => {
    const { world } = trial;
    const channel = await opened(trial);
    world.watching.delete('payee');
    const { terms } = await world.payer(channel);
    await world.mineTo(after(terms.expiry, -2));
    await trial.endure(plan, ROUNDS, async () => {
      const { height } = await world.chain.tip();
      if (height < terms.expiry) assert.equal((await world.payer(channel)).kind, 'open', 'no refund before its time');
    });
    assert.equal((await world.payer(channel)).kind, 'refunding', 'the refund goes out in the first look');
    await trial.bury();
    const payer = await world.payer(channel);
    // Who lies about fees may cost what a refund in a hurry may cost.
    assert.ok(payer.kind === 'ended' && payer.how === 'refunded', `payer ${payer.kind}`);
    assert.ok(payer.returned >= world.deposit - world.deposit / 50n, `the payer got ${payer.returned} back`);
  },
};

export const scenarios: readonly Scenario[] = [idle, paying, closing, ordered, ending, opening, launching, refunding];
