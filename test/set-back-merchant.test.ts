import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { revocable } from '../src/core/contract/revocable.ts';
import { noteSetBack } from '../src/engine/set-back.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { type MemoryDisk, memoryStore } from '../src/store/memory.ts';
import { assertRefused, must } from './world/sample.ts';
import { TwoDisks } from './world/two-disks.ts';

const { verify } = await fastestVerifier();

async function purchase(world: TwoDisks, channel: ChannelId) {
  return world.agent.buy(channel, 'tea', async ({ amount }) => amount, world.payee);
}

async function giveBack(world: TwoDisks, channel: ChannelId, times: number, order: string): Promise<void> {
  must(await world.merchant.giveBack(channel, amount(world.price * BigInt(times)), order));
  must(await world.agent.refresh(channel, world.payee));
}

/** A channel in which money went up, back, up and back again; a copy of the merchant's disk after every step. */
async function live(): Promise<{ world: TwoDisks; channel: ChannelId; copies: readonly MemoryDisk[] }> {
  const world = await TwoDisks.open({ verify, terms: { contract: revocable } });
  const channel = await world.funded();
  must(await world.agent.announce(channel, world.payee));
  const copies: MemoryDisk[] = [];
  const kept = async (step: Promise<unknown>): Promise<void> => {
    await step;
    copies.push(world.copy('payee'));
  };
  for (let i = 0; i < 3; i++) await kept(purchase(world, channel).then(must));
  await kept(giveBack(world, channel, 2, '1'));
  await kept(purchase(world, channel).then(must));
  await kept(giveBack(world, channel, 1, '2'));
  await kept(giveBack(world, channel, 1, '3'));
  await kept(purchase(world, channel).then(must));
  return { world, channel, copies };
}

/** The merchant's program on another disk, as its owner orders it. */
async function recovered(world: TwoDisks, disk: MemoryDisk): Promise<void> {
  await noteSetBack(memoryStore(disk));
  world.ordered = { isRecovering: true };
  await world.start('payee', disk);
}

test('a merchant on any older copy sells nothing on a channel where money can come back, and ends it for what is left', async () => {
  const { copies } = await live();
  for (let at = -1; at < copies.length; at++) {
    const { world, channel, copies: disks } = await live();
    const { best } = await world.payerState(channel);
    await recovered(world, at < 0 ? new Map() : (disks[at] ?? assert.fail()));
    assertRefused(must(await world.agent.resync(channel, world.payee)) && (await purchase(world, channel)), 'payee-set-back');
    assert.equal((await world.payeeState(channel)).best?.total, best?.total, `copy ${at}: what is left is handed over`);
    must(await world.agent.end(channel, world.payee));
    const payee = await world.payeeState(channel);
    assert.equal(payee.kind, 'closing');
    assert.equal(payee.best?.total, best?.total);
  }
});

test('the payer buys on in another channel', async () => {
  const { world, copies } = await live();
  await recovered(world, copies[0] ?? assert.fail());
  const other = await world.funded();
  must(await world.agent.announce(other, world.payee));
  must(await purchase(world, other));
});
