import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../src/core/base/amount.ts';
import { fateOf, liveLocks } from '../src/core/channel/payer-locks.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import type { HashLock } from '../src/core/contract/pending.ts';
import { hash160 } from '../src/core/tx/script.ts';
import { WorldError } from '../src/engine/ports.ts';
import { openHub } from '../src/hub/hub.ts';
import { lockVia, settleVia, type ViaPurchase } from '../src/payer/pay-via.ts';
import { codeOf } from './world/channel-world.ts';
import { fixed, HubWorld, PAYEE } from './world/hub-world.ts';
import { assertRefused, must } from './world/sample.ts';

const coin = dogecoinRegtest;

describe('a hub', () => {
  test('forwards a payment: the payee is paid, the payer has the preimage as proof, and the hub has its fee', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    const price = purchase.invoice.amount;
    assert.equal(purchase.total - price, 1_000n + (price * 5n + 999n) / 1000n);
    await paid(world, purchase);
    assert.notEqual(await world.far.merchant.invoices.find(purchase.invoice.id), undefined);
    assertRefused(await world.near.agent.lock(world.incoming, await again(world, purchase), world.way.connection), 'lock-repeated');
    assertRefused(await world.hub.forward({ ...purchase.order, incoming: world.outgoing }), 'lock-repeated');
    await world.mine(1);
    await paid(world, await world.lock(), 2n);
  });

  test('whatever it was doing when it was killed, it goes on with', async () => {
    for (const step of ['reveal', 'lock', 'settle', 'payeeOf'] as const) {
      const world = await HubWorld.open();
      const purchase = await world.lock();
      const { merchant, agent } = world.options;
      const killed = (): Promise<never> => Promise.reject(new WorldError('store-closed', 'killed', 'start it again'));
      const broken = {
        ...world.options,
        merchant: step === 'reveal' ? { ...merchant, reveal: killed } : merchant,
        agent: step === 'lock' || step === 'settle' ? { ...agent, [step]: killed } : agent,
        ...(step === 'payeeOf' ? { payeeOf: killed } : {}),
      };
      world.hub = openHub(broken);
      await world.look(purchase).catch(() => undefined);
      await world.hub.tick();
      world.restart();
      await world.hub.tick();
      await paid(world, purchase);
    }
  });

  test('an answer that is lost on either hop is made good', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    world.loses = 1;
    assert.deepEqual(await world.look(purchase), { kind: 'pending' });
    world.reach.hub = false;
    await assert.rejects(world.look(purchase), { code: 'peer-unreachable' });
    world.reach.hub = true;
    await world.hub.tick();
    await settleVia(world.near.agent, world.way);
    await paid(world, purchase);
  });

  test('a payee that refuses: the hub gives it up only once nothing can be claimed any more', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    const order = { ...purchase.order, amount: amount(purchase.order.amount - 1n) };
    assert.deepEqual(await world.look({ ...purchase, order }), { kind: 'pending' });
    assert.equal((await world.near.payeeState(world.incoming)).failed, undefined, 'the payee holds a signature for it');
    const { far } = world;
    must(await far.agent.pay(world.outgoing, { amount: purchase.invoice.amount }, far.payee));
    await world.hub.tick();
    assert.deepEqual((await world.near.payeeState(world.incoming)).failed, [purchase.hash]);
    const outcome = await world.look({ ...purchase, order });
    assert.deepEqual(outcome, { kind: 'failed', reason: 'invoice-unmet' });
    const payer = await world.near.payer(world.incoming);
    assert.ok(payer.kind === 'open' && liveLocks(payer).length === 0);
  });

  test('two at once, of which the hub can pay one: the other is given up at once', async () => {
    const world = await HubWorld.open();
    const { far } = world;
    const { terms } = await far.payer(world.outgoing);
    const fee = terms.signing.kind === 'fixed' ? terms.signing.fee : 0n;
    const left = (far.price * 3n) / 2n;
    must(await far.agent.pay(world.outgoing, { amount: amount(far.deposit - fee - left) }, far.payee));
    const [one, two] = [await world.lock(), await world.lock()];
    const outcomes = [await world.look(one), await world.look(two)];
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['paid', 'failed'],
    );
    const payer = await world.near.payer(world.incoming);
    assert.equal(payer.best?.total, one.total);
    assert.equal(payer.best?.locks, undefined);
  });

  test('a channel that closes takes nothing, and nothing is forwarded to one', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    must(await world.far.agent.pay(world.outgoing, { amount: world.far.price }, world.far.payee));
    must(await world.far.agent.end(world.outgoing, world.far.payee));
    const outcome = await world.look(purchase);
    assert.deepEqual(outcome, { kind: 'failed', reason: 'channel-ending' });
    await world.near.payUpTo(world.incoming, world.near.price);
    must(await world.near.agent.end(world.incoming, world.near.payee));
    assert.equal(codeOf(await lockVia(world.near.agent, world.way, FAR(world), 'tea', async () => undefined)), 'channel-ending');
  });

  test('less than the payee is to get, a lock that is too near, or none: nothing is forwarded', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    const more = { ...purchase.order, amount: purchase.total };
    assertRefused(await world.hub.forward(more), 'invoice-unmet');
    assertRefused(await world.hub.forward({ ...purchase.order, hash: new Uint8Array(20) }), 'lock-unknown');
    assertRefused(await world.hub.forward({ ...purchase.order, next: world.incoming }), 'channel-unknown');
    assert.equal((await world.far.payer(world.outgoing)).best, undefined);
    await paid(world, purchase);
  });

  test('what was quoted in one channel goes by that one, though the hub would quote another by now', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    const other = await world.far.openChannel();
    world.hub = openHub({ ...world.options, route: async () => other });
    assert.equal((await world.look(purchase)).kind, 'paid', 'the payee’s invoice is for the channel that was quoted');
    assert.equal((await world.far.payer(other)).signed, 0n);
  });

  test('a payee that never answers: the hub waits for the chain, and so does the payer, who gets all back', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    world.reach.payee = false;
    world.far.watching.delete('payee');
    assert.deepEqual(await world.look(purchase), { kind: 'pending' });
    await world.mineTo((await world.nextExpiry()) + coin.channel.buried);
    const next = await world.far.payer(world.outgoing);
    assert.ok(next.kind === 'ended' && next.how === 'refunded');
    await world.mineTo((await world.ownExpiry()) + coin.channel.buried + 1);
    const [payer, own] = [await world.near.payer(world.incoming), await world.near.payeeState(world.incoming)];
    assert.ok(payer.kind === 'ended' && own.kind === 'ended');
    const fees = fixed.fee + coin.policy.dust;
    assert.ok(payer.returned >= world.near.deposit - fees, `${payer.returned} of ${world.near.deposit}`);
  });

  test('a payee that shows nothing and claims in the last block: the hub learns the preimage there, and claims in its own channel', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    world.loses = Number.POSITIVE_INFINITY;
    assert.deepEqual(await world.look(purchase), { kind: 'pending' });
    world.far.watching.delete('payee');
    const state = await world.far.payeeState(world.outgoing);
    const { terms, deposits, best = assert.fail(), keyName, revealed } = state;
    const signer = world.far.keys.payee.signer(keyName);
    await world.mineTo(terms.expiry - 2);
    const to = { script: world.far.payeeScript, feeRate: coin.policy.feeRate };
    const close = must(terms.contract.close([{ terms, deposits, payment: best, signer }], to));
    await world.sends(close);
    const expiry = await world.nextExpiry();
    await world.mineTo(expiry - 1);
    const { hashLocks = assert.fail() } = terms.contract;
    const locked = hashLocks.outputs(terms, close, best.locks ?? []);
    const preimage = revealed?.[0]?.preimage ?? assert.fail();
    await world.sends(
      must(
        hashLocks.claim(
          terms,
          locked.map((one) => ({ ...one, preimage })),
          to,
          signer,
        ),
      ),
    );
    await world.mine(coin.channel.buried + 3);
    const own = await world.near.payeeState(world.incoming);
    assert.ok(own.kind === 'ended' && own.received !== undefined);
    assert.ok(own.received > 0n && purchase.total - own.received <= coin.policy.dust, `${own.received} of ${purchase.total}`);
    const fate = fateOf(await world.near.payer(world.incoming), purchase.hash);
    assert.deepEqual(fate, { kind: 'revealed', preimage }, 'and the payer its proof');
  });

  test('a payee that closes and claims in one block, unseen: the hub finds the preimage in that block', async () => {
    const world = await HubWorld.open();
    const purchase = await world.claimedUnseen();
    await world.mine(2);
    const own = await world.near.payeeState(world.incoming);
    assert.deepEqual(
      own.revealed?.map(({ lock }) => lock.hash),
      [purchase.hash],
    );
    world.reach.payee = false;
    assert.equal((await world.look(purchase)).kind, 'paid');
  });

  test('a payer that is gone once the preimage is shown: the hub closes with what is pending and claims it', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    await world.hub.forward(purchase.order);
    await world.hub.tick();
    world.near.watching.delete('payer');
    await world.mineTo((await world.near.payer(world.incoming)).terms.expiry);
    await world.mine(coin.channel.buried);
    const own = await world.near.payeeState(world.incoming);
    assert.ok(own.kind === 'ended' && own.how === 'closed' && own.received !== undefined);
    assert.ok(purchase.total - own.received <= coin.policy.dust, `${own.received} of ${purchase.total}`);
    assert.equal((await world.far.payer(world.outgoing)).best?.total ?? 0n, purchase.invoice.amount);
  });
});

function FAR(world: HubWorld): Parameters<typeof lockVia>[2] {
  return { address: PAYEE, connection: world.far.payee };
}

async function again(world: HubWorld, { hash, total }: ViaPurchase): Promise<{ readonly lock: HashLock }> {
  return { lock: { hash, amount: total, expiry: await world.ownExpiry() } };
}

/** Both hops are settled. */
async function paid(world: HubWorld, purchase: ViaPurchase, times = 1n): Promise<void> {
  const outcome = await world.look(purchase);
  if (outcome.kind === 'paid') assert.deepEqual(hash160(outcome.preimage), purchase.hash);
  await world.hub.tick();
  const price = purchase.invoice.amount * times;
  assert.deepEqual(await world.totals(), [purchase.total * times, purchase.total * times, price, price]);
  for (const state of [await world.near.payer(world.incoming), await world.far.payeeState(world.outgoing)]) {
    assert.equal(state.best?.locks, undefined);
  }
}
