import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { goOn } from '../src/cli/payer/pay-via.ts';
import { amount } from '../src/core/base/amount.ts';
import { refuse } from '../src/core/base/refusal.ts';
import { fateOf } from '../src/core/channel/payer-locks.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { cltvMultisig } from '../src/core/contract/cltv-multisig.ts';
import type { Reply, Request } from '../src/core/message/message.ts';
import { hash160 } from '../src/core/tx/script.ts';
import { type Connection, WorldError } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { openHub } from '../src/hub/hub.ts';
import { lookVia, settleVia, type ViaPurchase, type Way } from '../src/payer/pay-via.ts';
import { viaBook } from '../src/payer/via-book.ts';
import { memoryStore } from '../src/store/memory.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { fixed, HubWorld, PAYEE } from './world/hub-world.ts';
import { assertRefused, must } from './world/sample.ts';

const coin = dogecoinRegtest;
const verifier = await fastestVerifier();

async function until(done: () => Promise<boolean>): Promise<boolean> {
  for (let i = 0; i < 300; i++) {
    if (await done()) return true;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return false;
}

/** The payee has closed and claimed in one block, and shown nothing but that. */
async function claimedOnChain(): Promise<{ readonly world: HubWorld; readonly purchase: ViaPurchase }> {
  const world = await HubWorld.open();
  const purchase = await world.claimedUnseen();
  for (let i = 0; i < 2; i++) {
    await world.near.mine(1);
    await world.far.look();
  }
  assert.equal(fateOf(await world.far.payer(world.outgoing), purchase.hash).kind, 'revealed', 'the hub’s own channel has the preimage');
  return { world, purchase };
}

async function isRevealed(world: HubWorld): Promise<boolean> {
  return (await world.near.payeeState(world.incoming)).revealed !== undefined;
}

describe('a hub among thieves', () => {
  test('control: the preimage of a claim on the chain goes on', async () => {
    const { world } = await claimedOnChain();
    await world.hub.tick();
    assert.ok(await isRevealed(world));
  });

  test('a payee that has claimed on the chain and can’t be found any more: the preimage goes on all the same', async () => {
    const { world } = await claimedOnChain();
    const payeeOf = (): Promise<never> => Promise.reject(new WorldError('peer-unreachable', 'no such host', 'wait'));
    world.hub = openHub({ ...world.options, payeeOf });
    await world.hub.tick();
    assert.ok(await isRevealed(world), `it is not shown to the payer: ${world.troubles}`);
  });

  test('a payee that has claimed on the chain and answers slowly: the preimage goes on before it answers', async () => {
    const { world } = await claimedOnChain();
    let fail: (error: unknown) => void = () => undefined;
    const slow: Connection = { exchange: () => new Promise((_, failed) => (fail = failed)) };
    world.hub = openHub({ ...world.options, payeeOf: async () => slow });
    const tick = world.hub.tick();
    const isShown = await until(() => isRevealed(world));
    fail(new WorldError('peer-unreachable', 'slow', 'wait'));
    await Promise.race([tick, until(async () => false)]);
    assert.ok(isShown, 'whoever answers slowly delays it, and everything behind it');
  });

  test('a hub that was down until its payer had all back locks nothing more for it, whichever of its sides reads the chain first', async () => {
    const world = await HubWorld.open(60);
    const purchase = await world.lock();
    world.reach.payee = false;
    assert.deepEqual(await world.look(purchase), { kind: 'pending' });
    world.near.watching.delete('payee');
    world.far.watching.delete('payer');
    const { terms } = await world.near.payer(world.incoming);
    await world.near.mineTo(terms.expiry);
    await world.near.mine(coin.channel.buried);
    const payer = await world.near.payer(world.incoming);
    assert.equal(payer.kind === 'ended' && payer.how, 'refunded');
    world.restart();
    world.reach.payee = true;
    await world.far.agent.poll();
    await world.far.merchant.engine.follower.poll();
    await world.hub.tick();
    const next = await world.far.payer(world.outgoing);
    assert.equal(next.best, undefined, `the hub has paid ${next.best?.total}, and its payer has everything back`);
  });

  for (const [more, what] of [
    [1n, 'one unit more than that'],
    [0n, 'just that'],
  ] as const)
    test(`a merchant whose node is silent takes no new money: an amount was given up, and the payer pays ${what}`, async () => {
      const clock = { offset: 0, now: () => 1_700_000_000_000 + clock.offset };
      const regtest = new Regtest({ coin, verify: verifier.verify });
      regtest.mine(1_360);
      const world = await ChannelWorld.open(embedded(regtest, verifier), {
        terms: { contract: cltvMultisig, signing: fixed },
        isForwarding: true,
        clock,
      });
      const channel = await world.openChannel();
      const { terms } = await world.payer(channel);
      const lock = {
        amount: amount(world.price * 3n),
        hash: hash160(new Uint8Array(32)),
        expiry: terms.contract.hashLocks?.leastExpiry(terms) ?? assert.fail(),
      };
      must(await world.agent.lock(channel, { lock }, world.payee));
      must(await world.merchant.giveUp(channel, lock.hash));
      must(await world.agent.fate(channel, lock.hash, world.payee));
      clock.offset = 300_000;
      const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
      clock.offset = 700_000;
      const total = amount(lock.amount + more);
      const given = must(
        terms.contract.sign(
          terms,
          (await world.payer(channel)).deposits,
          total,
          world.keys.payer.signer((await world.payer(channel)).keyName),
        ),
      );
      const paying = world.merchant.pay({ kind: 'payment', channel, payment: given, invoice: invoice.id });
      await assert.rejects(paying, WorldError, 'it is sold, by a chain that nobody knows');
    });

  test('nobody but the payer orders what becomes of its amount, or asks for a way in its channel', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    const { incoming: channel, ...order } = purchase.order;
    const asked = must(await world.near.agent.engine.drive(channel, { kind: 'forward', order })).send;
    const quoted = must(await world.near.agent.engine.drive(channel, { kind: 'quote', payee: PAYEE })).send;
    if (asked?.kind !== 'forward' || quoted?.kind !== 'quote-request') return assert.fail('two questions');
    const { proof: _, ...unproven } = asked;
    const other = { ...asked, hash: hash160(new Uint8Array(3)) };
    const stolen = [unproven, other, { ...asked, next: channel }, { ...asked, amount: amount(1n) }, { ...asked, invoice: 'x' }];
    const answer = (request: Request): Promise<Reply> => world.way.connection.exchange(request);
    for (const order of stolen) assertRefused(await answer(order), 'proof-wrong');
    assertRefused(await answer({ kind: 'quote-request', channel, payee: PAYEE }), 'proof-wrong');
    assertRefused(await answer({ ...quoted, channel: world.outgoing }), 'channel-unknown');
    assertRefused(await world.near.merchant.answer(asked), 'request-unknown');
    assert.equal((await answer(quoted)).kind, 'quote');
    assert.deepEqual(must(await answer(asked)), { kind: 'forwarded', channel, status: 'revealed' });
  });

  test('a payer to whom the hub refuses to forward now is not told that it has failed: its amount is still locked', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    const { way } = world;
    const refusing: Way = { ...way, hub: { ...way.hub, forward: async () => refuse('channel-unknown') } };
    const first = await lookVia(world.near.agent, refusing, purchase, async () => undefined);
    await world.look(purchase);
    await world.hub.tick();
    await settleVia(world.near.agent, world.way);
    assert.equal((await world.near.payer(world.incoming)).best?.total, purchase.total, 'it is paid');
    assert.notEqual(first.kind, 'failed', 'who is told that it failed buys elsewhere, and pays twice');
  });

  for (const cut of ['nothing', 'the answer to the settlement', 'the next step of the payer'] as const)
    test(`a payer that loses ${cut} is told that it has paid, and has the proof`, async () => {
      const world = await HubWorld.open();
      const purchase = await world.lock();
      const book = viaBook(memoryStore());
      await book.add({ ...purchase.order, payee: PAYEE, item: 'tea', total: purchase.total });
      const { way } = world;
      const deaf: Connection = {
        exchange: async (asked, ...more) => {
          const reply = await way.connection.exchange(asked, ...more);
          if (asked.kind === 'payment' && cut === 'the answer to the settlement') throw new WorldError('peer-unreachable', 'lost', 'again');
          return reply;
        },
      };
      const keep = (preimage: Uint8Array): Promise<void> => book.keep(purchase, preimage);
      const first = await lookVia(world.near.agent, { ...way, connection: deaf }, purchase, keep).catch(() => undefined);
      if (cut === 'nothing') return assert.equal(first?.kind, 'paid');
      await world.near.agent.settle(world.incoming, [], way.connection);
      const [kept = assert.fail('it is under way')] = await book.all();
      const { preimage = assert.fail('its proof is kept') } = kept;
      assert.deepEqual(await world.look({ ...purchase, preimage }), { kind: 'paid', preimage });
      return assert.deepEqual(hash160(preimage), purchase.hash);
    });

  for (const payee of ['silent', 'honest'] as const)
    test(`what is under way to a ${payee} payee keeps its payer from nothing else`, async () => {
      const world = await HubWorld.open();
      const purchase = await world.lock();
      const vias = viaBook(memoryStore());
      await vias.add({ ...purchase.order, payee: PAYEE, item: 'tea', total: purchase.total });
      world.reach.payee = payee === 'honest';
      const { way } = world;
      let orders = 0;
      const forward: Way['hub']['forward'] = async (order) => {
        assert.equal(++orders, 1, 'one look');
        return way.hub.forward(order);
      };
      const bought = await goOn(
        { print: { note: () => undefined }, config: { coin } },
        { agent: world.near.agent, vias },
        { ...way, hub: { ...way.hub, forward } },
      );
      const left = (await vias.all()).length;
      assert.deepEqual([bought.length, left], payee === 'honest' ? [1, 0] : [0, 1]);
    });

  for (const [junk, what] of [
    [new Uint8Array(), 'as it was made'],
    [Uint8Array.of(0x51), 'with one push more below its signature'],
  ] as const)
    test(`a payee that mines its claim itself, ${what}: the hub gets its coins`, async () => {
      const world = await HubWorld.open();
      const purchase = await world.lock();
      world.loses = Number.POSITIVE_INFINITY;
      assert.deepEqual(await world.look(purchase), { kind: 'pending' });
      world.far.watching.delete('payee');
      world.reach.payee = false;
      const { terms, deposits, best = assert.fail(), keyName, revealed } = await world.far.payeeState(world.outgoing);
      const signer = world.far.keys.payee.signer(keyName);
      const to = { script: world.far.payeeScript, feeRate: coin.policy.feeRate };
      const close = must(terms.contract.close([{ terms, deposits, payment: best, signer }], to));
      await world.sends(close);
      await world.mine(1);
      const { hashLocks = assert.fail() } = terms.contract;
      const preimage = revealed?.[0]?.preimage ?? assert.fail();
      const locked = hashLocks.outputs(terms, close, best.locks ?? []).map((one) => ({ ...one, preimage }));
      const claim = must(hashLocks.claim(terms, locked, to, signer));
      const inputs = claim.inputs.map((one) => ({ ...one, script: Uint8Array.of(...junk, ...one.script) }));
      assert.equal(world.regtest.mineBlock([{ ...claim, inputs }]).kind, 'mined');
      await world.mine(coin.channel.buried + 3);
      const own = await world.near.payeeState(world.incoming);
      const standing = `given up: ${own.failed?.length ?? 0}, preimages: ${own.revealed?.length ?? 0}; the payee has its coins`;
      assert.equal(own.revealed?.length, 1, standing);
    });
});
