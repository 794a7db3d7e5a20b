import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { closingAt } from '../src/core/contract/contract.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** On regtest the age of a block says nothing; here it does. */
const coin: Coin = { ...dogecoinRegtest, network: 'test' };
const verifier = await fastestVerifier();

/** Blocks come at the time that is; the two sides' clock is wrong by `skew`. */
async function opened(): Promise<{ world: ChannelWorld; channel: ChannelId; clock: { now: number; skew: number } }> {
  const clock = { now: Date.UTC(2026, 0, 1), skew: 0 };
  const regtest = new Regtest({ coin, verify: verifier.verify, now: () => clock.now });
  const mine = (blocks: number): void => {
    for (let i = 0; i < blocks; i++) {
      clock.now += MINUTE;
      regtest.mine(1);
    }
  };
  regtest.mine(1_340);
  mine(20);
  const world = await ChannelWorld.open(
    embedded(regtest, verifier, { mine: async (blocks) => mine(blocks), setTime: async () => assert.fail('the time is the test’s') }),
    { clock: { now: () => clock.now + clock.skew } },
  );
  const channel = await world.openChannel(40);
  await world.buy(channel, 3);
  return { world, channel, clock };
}

/** Asks for an offer and pays once: both are done, or both refused because nobody knows how late it is. */
async function isServed({ world, channel }: { world: ChannelWorld; channel: ChannelId }): Promise<boolean> {
  const asked = await Promise.allSettled([
    world.merchant.answer({ kind: 'offer-request' }),
    world.agent.pay(channel, { amount: world.price }, world.payee),
  ]);
  for (const one of asked) if (one.status === 'rejected') assert.match(String(one.reason.code), /^node-(behind|down)$/);
  const kinds = new Set(asked.map(({ status }) => status));
  assert.equal(kinds.size, 1, 'both or none');
  return kinds.has('fulfilled');
}

describe('a clock that is wrong', () => {
  for (const [name, skew] of [
    ['two days ahead', 2 * DAY],
    ['two days behind', -2 * DAY],
  ] as const) {
    test(`${name}: nothing new is promised, what is due is done by heights, and nobody is refunded early`, async () => {
      const { world, channel, clock } = await opened();
      assert.ok(await isServed({ world, channel }));
      clock.skew = skew;
      await world.mine(1);
      assert.ok(!(await isServed({ world, channel })));
      const { terms } = await world.payer(channel);
      await world.mineBefore(closingAt(terms));
      assert.deepEqual([(await world.payeeState(channel)).kind, (await world.payer(channel)).kind], ['open', 'open']);
      await world.mine(1);
      assert.equal((await world.payeeState(channel)).kind, 'closing');
      await world.mine(1);
      await world.bury();
      const payee = await world.payeeState(channel);
      assert.ok(payee.kind === 'ended' && payee.how === 'closed');
      assert.equal(payee.best?.total, world.price * 4n);
    });

    test(`${name}: a payer whose payee is gone waits for the expiry, and not a block longer`, async () => {
      const { world, channel, clock } = await opened();
      world.watching.delete('payee');
      clock.skew = skew;
      const { terms } = await world.payer(channel);
      await world.mineBefore(terms.expiry);
      assert.equal((await world.payer(channel)).kind, 'open');
      await world.mine(1);
      assert.equal((await world.payer(channel)).kind, 'refunding');
    });
  }

  test('one that jumps is believed again as soon as it is right', async () => {
    const { world, channel, clock } = await opened();
    for (const skew of [3 * 60 * MINUTE, 0, -3 * 60 * MINUTE, 0, 40 * MINUTE, -90 * MINUTE, 0]) {
      clock.skew = skew;
      await world.look();
      assert.equal(await isServed({ world, channel }), Math.abs(skew) < 2 * 60 * MINUTE, `${skew / MINUTE} minutes`);
    }
  });

  test('one that jumps between two readings counts against what was read, and never for it', async () => {
    const { world, channel, clock } = await opened();
    clock.skew = 11 * MINUTE;
    assert.ok(!(await isServed({ world, channel })), 'it may be eleven minutes since the chain was read');
    await world.look();
    assert.ok(await isServed({ world, channel }));
    clock.skew = -DAY;
    assert.ok(!(await isServed({ world, channel })), 'a day before the chain was read');
    clock.skew = 0;
    assert.ok(!(await isServed({ world, channel })), 'eleven minutes before the chain was read');
    await world.look();
    assert.ok(await isServed({ world, channel }));
  });

  test('blocks that stop coming', async () => {
    const { world, channel, clock } = await opened();
    clock.now += 50 * MINUTE;
    await world.look();
    assert.ok(await isServed({ world, channel }));
    clock.now += 12 * MINUTE;
    await world.look();
    assert.ok(!(await isServed({ world, channel })));
    await world.mine(6);
    assert.ok(await isServed({ world, channel }), 'half of the last eleven blocks are new');
  });
});
