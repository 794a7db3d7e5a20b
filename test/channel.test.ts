import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { createRegtest } from '../src/chain/regtest/regtest.ts';
import { amount } from '../src/core/base/amount.ts';
import { after, height } from '../src/core/base/height.ts';
import { isRefusal, type Refusal } from '../src/core/base/refusal.ts';
import type { PayerState } from '../src/core/channel/payer-state.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import type { Announce } from '../src/core/message/message.ts';
import { scriptOf } from '../src/core/tx/address.ts';
import { verifyPortable } from '../src/core/tx/sign.ts';
import { type Connection, type KeyRing, type Store, WorldError } from '../src/engine/ports.ts';
import { fastestSigner } from '../src/engine/signer.ts';
import { openMerchant } from '../src/merchant/merchant.ts';
import { defaultTerms } from '../src/merchant/terms.ts';
import { type AgentOptions, openAgent, type Raise } from '../src/payer/agent.ts';
import { memoryStore } from '../src/store/memory.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import { openWallet } from '../src/wallet/wallet.ts';

const coin = dogecoinRegtest;
const DOGE = 100_000_000n;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const clock = { now: Date.now };

function must<T>(value: T | Refusal): T {
  if (isRefusal(value)) assert.fail(`${value.code} ${JSON.stringify(value.detail)}`);
  return value;
}

/** A store on a disk that can be full: then nothing is written, and everything can be read. */
function fullable(store: Store, disk: { readonly isFull: boolean }): Store {
  return {
    ...store,
    commit: async (writes) => {
      if (disk.isFull) throw new WorldError('store-full', 'the disk is full', 'Make room.');
      return store.commit(writes);
    },
  };
}

async function world(shopStore: (store: Store) => Store = (store) => store, more: Pick<AgentOptions, 'raised'> = {}) {
  const regtest = createRegtest({ coin });
  const fees = { rate: coin.policy.feeRate };
  const chain = { ...asChain(regtest), feeRate: async () => fees.rate };
  regtest.mine(1360);
  const events: unknown[] = [];
  const onEvent = (_: unknown, event: unknown) => void events.push(event);
  const common = { chain, verify: verifyPortable, clock, random, onEvent };
  const shopKeys = seedKeyRing(coin, random.bytes(32), fastestSigner());
  // Names in here can't sign: a fault that touches one channel.
  const broken = new Set<string>();
  const faulty: KeyRing = {
    signer: (name) => {
      if (broken.has(name)) throw new Error('the key can not be read');
      return shopKeys.signer(name);
    },
  };
  const merchant = openMerchant({
    ...common,
    store: shopStore(memoryStore()),
    identity: new Uint8Array(16),
    keys: faulty,
    terms: { ...defaultTerms(coin), minDeposit: amount(DOGE / 10n) },
    prices: new Map([['tea', { text: 'A cup of tea', price: amount(DOGE / 10n) }]]),
    payeeScript: scriptOf(coin, regtest.newAddress()) ?? new Uint8Array(),
  });
  const keys = seedKeyRing(coin, random.bytes(32), fastestSigner());
  const store = memoryStore();
  const wallet = await openWallet({ chain, store, keys });
  const openPayer = () => openAgent({ ...common, store, keys, wallet, ...more });
  const agent = openPayer();
  regtest.fund(await wallet.receiveAddress(), amount(500n * DOGE));
  const mine = async (count: number) => {
    for (let i = 0; i < count; i++) {
      regtest.mine(1);
      await wallet.sync();
      await merchant.engine.follower.poll();
      await agent.poll();
    }
  };
  await mine(1);
  const payee = { exchange: merchant.answer };
  return { regtest, merchant, agent, wallet, mine, payee, events, broken, fees, keys, store, openPayer };
}

test('a channel from open to buried close', async () => {
  const { agent, merchant, mine, payee, regtest, events } = await world();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  assert.equal(offer.kind, 'offer');
  if (offer.kind !== 'offer') return;
  const expiry = after(offer.minExpiry, 100);
  const returnScript = scriptOf(coin, regtest.newAddress()) ?? new Uint8Array();
  const planned = must(await agent.plan(offer, expiry, returnScript));
  const { channel } = planned;
  const funded = must(await agent.fund(channel, amount(100n * DOGE), payee));
  assert.equal(funded.reply.kind, 'provisional');
  assert.equal(funded.state.kind, 'funding');
  await mine(3);
  const accepted = must(await agent.announce(channel, payee));
  assert.equal(accepted.state.kind, 'open');
  for (let i = 0; i < 5; i++) {
    const invoice = must(await agent.invoice(channel, 'tea', payee));
    const paid = must(await agent.pay(channel, { ...invoice, most: invoice.amount }, payee));
    assert.equal(paid.reply.kind, 'receipt');
  }
  const closed = must(await merchant.close(channel));
  assert.deepEqual(
    closed.broadcasts.map(({ outcome }) => outcome),
    [{ kind: 'accepted' }],
  );
  await mine(61);
  assert.equal((await merchant.engine.get(channel))?.kind, 'ended');
  const state = await agent.engine.get(channel);
  assert.equal(state?.kind === 'ended' && state.how, 'closed');
  assert.equal(state?.kind === 'ended' && state.returned, 100n * DOGE - 5n * (DOGE / 10n));
  assert.deepEqual(events.filter(isTrouble), []);
});

test('a vanished payee: refused before expiry, refunded at expiry', async () => {
  const { agent, mine, payee, regtest } = await world();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail();
  const returnScript = scriptOf(coin, regtest.newAddress()) ?? new Uint8Array();
  const { channel } = must(await agent.plan(offer, offer.minExpiry, returnScript));
  must(await agent.fund(channel, amount(100n * DOGE), payee));
  await mine(3);
  must(await agent.announce(channel, payee));
  await mine(offer.minExpiry - regtest.tip.height - 1);
  assert.equal((await agent.engine.get(channel))?.kind, 'open');
  await mine(1);
  assert.equal((await agent.engine.get(channel))?.kind, 'refunding');
  await mine(61);
  const state = await agent.engine.get(channel);
  assert.equal(state?.kind === 'ended' && state.how, 'refunded');
});

test('an agreed end at zero and at a total', async () => {
  const { agent, merchant, mine, payee, regtest } = await world();
  for (const purchases of [0, 2]) {
    const offer = must(await payee.exchange({ kind: 'offer-request' }));
    if (offer.kind !== 'offer') return assert.fail();
    const returnScript = scriptOf(coin, regtest.newAddress()) ?? new Uint8Array();
    const { channel } = must(await agent.plan(offer, offer.minExpiry, returnScript));
    must(await agent.fund(channel, amount(50n * DOGE), payee));
    await mine(3);
    must(await agent.announce(channel, payee));
    for (let i = 0; i < purchases; i++)
      must(await agent.pay(channel, { ...must(await agent.invoice(channel, 'tea', payee)), most: amount(DOGE) }, payee));
    const ended = must(await agent.end(channel, payee));
    assert.equal(ended.reply.kind, 'ended');
    await mine(61);
    assert.equal((await merchant.engine.get(channel))?.kind, 'ended');
    assert.equal((await agent.engine.get(channel))?.kind, 'ended');
  }
});

test('at the margin the merchant closes by itself; one failing channel does not stop another, and is closed once it works again', async () => {
  const { agent, merchant, mine, payee, regtest, events, broken } = await world();
  const opened: PayerState[] = [];
  const expiry = after(height(regtest.tip.height), 400);
  for (let i = 0; i < 2; i++) {
    const offer = must(await payee.exchange({ kind: 'offer-request' }));
    if (offer.kind !== 'offer') return assert.fail();
    const planned = must(await agent.plan(offer, expiry, scriptOf(coin, regtest.newAddress()) ?? new Uint8Array()));
    must(await agent.fund(planned.channel, amount(50n * DOGE), payee));
    await mine(3);
    must(await agent.announce(planned.channel, payee));
    must(await agent.pay(planned.channel, { ...must(await agent.invoice(planned.channel, 'tea', payee)), most: amount(DOGE) }, payee));
    opened.push(planned);
  }
  const [first, second] = opened;
  assert.ok(first !== undefined && second !== undefined);
  const kinds = async () => Promise.all(opened.map(async ({ channel }) => (await merchant.engine.get(channel))?.kind));
  const stateOfSecond = await merchant.engine.get(second.channel);
  broken.add(stateOfSecond?.keyName ?? assert.fail());
  await mine(expiry - first.terms.closingMargin - regtest.tip.height - 1);
  assert.deepEqual(await kinds(), ['open', 'open']);
  assert.equal(isRefusal(await agent.pay(first.channel, { amount: amount(DOGE) }, payee)), false);
  await mine(1);
  const late = await agent.pay(second.channel, { amount: amount(DOGE) }, payee);
  assert.equal(isRefusal(late) && late.code, 'margin-reached');
  assert.deepEqual(await kinds(), ['closing', 'open']);
  assert.ok(events.some((event) => event instanceof Error && event.message.includes('can not be read')));
  broken.clear();
  await mine(1);
  assert.deepEqual(await kinds(), ['closing', 'closing']);
  await mine(61);
  assert.deepEqual(await kinds(), ['ended', 'ended']);
});

test('a disk that takes nothing any more does not keep the close from going out in time', async () => {
  const disk = { isFull: false };
  const { agent, merchant, mine, payee, regtest } = await world((store) => fullable(store, disk));
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail(offer.kind);
  const expiry = after(height(regtest.tip.height), 400);
  const { channel, terms } = must(await agent.plan(offer, expiry, scriptOf(coin, regtest.newAddress()) ?? new Uint8Array()));
  must(await agent.fund(channel, amount(50n * DOGE), payee));
  await mine(3);
  must(await agent.announce(channel, payee));
  must(await agent.pay(channel, { amount: amount(2n * DOGE) }, payee));
  disk.isFull = true;
  await assert.rejects(agent.pay(channel, { amount: amount(DOGE) }, payee), { code: 'store-full' });
  regtest.mine(expiry - terms.closingMargin - regtest.tip.height - 1);
  await assert.rejects(merchant.engine.follower.poll(), { code: 'store-full' });
  assert.equal(regtest.mempool().length, 0, 'not a block too early');
  regtest.mine(1);
  await merchant.engine.follower.poll();
  assert.equal(merchant.engine.follower.report().waiting, 1, 'the channel waits to be stored');
  assert.deepEqual([(await merchant.engine.get(channel))?.kind, regtest.mempool().length], ['open', 1]);
  regtest.mine(1);
  disk.isFull = false;
  await mine(61);
  const ended = await merchant.engine.get(channel);
  assert.deepEqual([ended?.kind, ended?.kind === 'ended' && ended.how, ended?.best?.total], ['ended', 'closed', 2n * DOGE]);
});

test('a deposit made by a wallet elsewhere opens the channel, and a second one tops it up', async () => {
  const { agent, mine, payee, regtest } = await world();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail();
  const returnScript = scriptOf(coin, regtest.newAddress()) ?? new Uint8Array();
  const { channel, terms } = must(await agent.plan(offer, offer.minExpiry, returnScript));
  const address = terms.contract.outputScript(terms);
  for (const capacity of [3n * DOGE, 8n * DOGE]) {
    regtest.fund(address, amount(capacity === 3n * DOGE ? capacity : 5n * DOGE));
    await mine(3);
    const { reply } = must(await agent.announce(channel, payee));
    assert.equal(reply.kind === 'accepted' && reply.capacity, capacity);
  }
  must(await agent.pay(channel, { amount: amount(4n * DOGE) }, payee));
  const ended = must(await agent.end(channel, payee));
  assert.equal(ended.reply.kind, 'ended');
  await mine(61);
  const state = await agent.engine.get(channel);
  assert.equal(state?.kind === 'ended' && state.returned > 3n * DOGE, true);
});

test('a top-up under an altered offer is refused: what the offer says of depth and size holds for the whole channel', async () => {
  const { agent, mine, payee, regtest } = await world();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail();
  const { channel, terms } = must(await agent.plan(offer, offer.minExpiry, scriptOf(coin, regtest.newAddress()) ?? new Uint8Array()));
  must(await agent.fund(channel, amount(20n * DOGE), payee));
  await mine(3);
  must(await agent.announce(channel, payee));
  const made = regtest.fund(terms.contract.outputScript(terms), amount(7n * DOGE)) ?? assert.fail();
  const vout = made.transaction.outputs.findIndex(({ value }) => value === 7n * DOGE);
  const known = (await agent.engine.get(channel))?.deposits ?? [];
  const announce: Announce = {
    kind: 'announce',
    offer,
    payerKey: terms.payerKey,
    expiry: terms.expiry,
    deposits: [...known, { outpoint: { txid: made.txid, vout }, value: amount(7n * DOGE) }],
  };
  const impatient = { ...offer, depth: [{ upTo: amount(10n ** 18n), blocks: 0 }] };
  const refused = await payee.exchange({ ...announce, offer: impatient });
  assert.equal(isRefusal(refused) && refused.code, 'offer-unknown');
  const boundless = await payee.exchange({ ...announce, offer: { ...offer, maxDeposit: amount(10n ** 18n) } });
  assert.equal(isRefusal(boundless) && boundless.code, 'offer-unknown');
  const honest = must(await payee.exchange(announce));
  assert.equal(honest.kind, 'provisional');
  await mine(3);
  assert.equal(must(await payee.exchange(announce)).kind, 'accepted');
});

test('a fee a hundred times the usual does not keep a small close or a small refund from being sent', async () => {
  const { agent, merchant, mine, payee, regtest, fees } = await world();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail();
  const open = async (deposit: bigint) => {
    const { channel } = must(
      await agent.plan(offer, after(height(regtest.tip.height), 300), scriptOf(coin, regtest.newAddress()) ?? new Uint8Array()),
    );
    must(await agent.fund(channel, amount(deposit), payee));
    await mine(3);
    must(await agent.announce(channel, payee));
    return channel;
  };
  const [closed, refunded] = [await open(DOGE), await open(DOGE / 10n)];
  must(await agent.pay(closed, { amount: amount(1n) }, payee));
  fees.rate = amount(coin.policy.feeRate * 100n);
  await mine(1);
  const { broadcasts } = must(await merchant.close(closed));
  assert.deepEqual(
    broadcasts.map(({ outcome }) => outcome),
    [{ kind: 'accepted' }],
  );
  await mine(400);
  const state = await agent.engine.get(refunded);
  assert.equal(state?.kind === 'ended' && state.how, 'refunded');
});

test('an offer that fixes an absurd fee is refused by the payer, one that fixes a usual fee is not', async () => {
  const { agent, payee, regtest } = await world();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail();
  const plan = (fee: bigint) =>
    agent.plan(
      { ...offer, signing: { kind: 'fixed', fee: amount(fee) } },
      offer.minExpiry,
      scriptOf(coin, regtest.newAddress()) ?? new Uint8Array(),
    );
  const absurd = await plan(DOGE);
  assert.equal(isRefusal(absurd) && absurd.code, 'fee-too-high');
  assert.equal(must(await plan(DOGE / 100n)).kind, 'planned');
});

test('cut off between signing the deposit and broadcasting it: launch goes on; a payee out of reach costs nothing', async () => {
  const { agent, mine, payee, regtest, wallet, openPayer } = await world();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail();
  const { channel } = must(await agent.plan(offer, offer.minExpiry, scriptOf(coin, regtest.newAddress()) ?? new Uint8Array()));
  const before = await wallet.balance();
  const unreachable: Connection = { exchange: () => Promise.reject(new WorldError('peer-unreachable', 'nobody is there', 'Wait.')) };
  await assert.rejects(agent.fund(channel, amount(20n * DOGE), unreachable), { code: 'peer-unreachable' });
  assert.deepEqual(await wallet.balance(), before);
  // The process dies at the announcement: what it had signed is stored, on both sides of the wallet.
  const dead: Connection = { exchange: () => new Promise(() => undefined) };
  void agent.fund(channel, amount(20n * DOGE), dead);
  while ((await agent.engine.get(channel))?.offered.length !== 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await agent.engine.get(channel))?.kind, 'planned');
  const again = openPayer();
  await again.poll();
  must(await again.launch(channel, payee));
  await mine(3);
  assert.equal(must(await again.announce(channel, payee)).state.kind, 'open');
});

/** A channel that changes and sends nothing is told of too; that is no trouble. */
function isTrouble(event: unknown): boolean {
  return event instanceof Error || (typeof event === 'object' && event !== null && 'code' in event);
}

test('a payment that is raised to the least is asked for first, and a no signs nothing; later ones and larger ones are not asked for', async () => {
  const asked: Raise[] = [];
  let answer = false;
  const raised = async (raise: Raise): Promise<boolean> => {
    asked.push(raise);
    return answer;
  };
  const { mine, payee, regtest, agent } = await world(undefined, { raised });
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail(offer.kind);
  const returnScript = scriptOf(coin, regtest.newAddress()) ?? new Uint8Array();
  const { channel } = must(await agent.plan(offer, after(offer.minExpiry, 100), returnScript));
  must(await agent.fund(channel, amount(100n * DOGE), payee));
  await mine(3);
  must(await agent.announce(channel, payee));
  const pay = (value: bigint) => agent.pay(channel, { amount: amount(value) }, payee);
  const refused = await pay(1_000n);
  assert.ok(isRefusal(refused));
  assert.equal(refused.code, 'price-too-high');
  assert.equal((await agent.engine.get(channel))?.signed, 0n);
  answer = true;
  const { state } = must(await pay(1_000n));
  assert.deepEqual(
    asked.map(({ due, moves }) => [due, moves]),
    [0, 1].map(() => [1_000n, state.best?.total]),
  );
  answer = false;
  must(await pay(1_000n));
  must(await agent.buy(channel, 'tea', async (invoice) => invoice.amount, payee));
  assert.equal(asked.length, 2);
});
