import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../core/base/amount.ts';
import { after } from '../core/base/height.ts';
import { dogecoin } from '../core/coin/dogecoin.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import { codeOf, must } from '../testing/channel-world.ts';
import { TwoDisks } from '../testing/two-disks.ts';

const { verify } = await fastestVerifier();

describe('what is paid ahead', () => {
  test('is credit on both sides, and later purchases use it up', async () => {
    const world = await TwoDisks.open({ verify });
    const { price } = world;
    const channel = await world.opened();
    must(await world.agent.pay(channel, { amount: amount(price * 3n) }, world.payee));
    const spent = async (): Promise<readonly bigint[]> => [
      (await world.payerState(channel)).spent,
      (await world.payeeState(channel)).spent,
      (await world.payeeState(channel)).best?.total ?? 0n,
    ];
    assert.deepEqual(await spent(), [0n, 0n, 3n * price]);
    // A payment must add something: one unit, which is credit again.
    for (const bought of [1n, 2n]) {
      await world.buy(channel);
      assert.deepEqual(await spent(), [bought * price, bought * price, 3n * price + bought]);
    }
    await world.buy(channel);
    await world.buy(channel);
    assert.deepEqual(await spent(), [4n * price, 4n * price, 4n * price], 'what was paid in all is what was bought in all');
  });

  test('is paid once when no answer came and the same is asked for again; another amount is another payment', async () => {
    const world = await TwoDisks.open({ verify });
    const channel = await world.opened();
    const deaf = { exchange: async () => Promise.reject(new Error('cut off')) };
    await assert.rejects(world.agent.pay(channel, { amount: world.price }, deaf), /cut off/);
    must(await world.agent.pay(channel, { amount: world.price }, world.payee));
    assert.equal((await world.payeeState(channel)).best?.total, world.price);
    await assert.rejects(world.agent.pay(channel, { amount: world.price }, deaf), /cut off/);
    must(await world.agent.pay(channel, { amount: amount(world.price * 2n) }, world.payee));
    assert.equal((await world.payeeState(channel)).best?.total, world.price * 4n);
  });
});

test('an offer of another coin makes no channel', async () => {
  const world = await TwoDisks.open({ verify });
  const offer = must(await world.payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') assert.fail(offer.kind);
  const expiry = after(offer.minExpiry, 10);
  const script = await world.freshScript();
  assert.equal(codeOf(await world.agent.plan({ ...offer, coin: dogecoin }, expiry, script)), 'coin-mismatch');
  assert.equal(must(await world.agent.plan(offer, expiry, script)).kind, 'planned');
});
