import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { type Amount, amount, MAX_AMOUNT } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { after } from '../src/core/base/height.ts';
import { exposureOf } from '../src/core/channel/payee-state.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { script } from '../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../src/core/tx/sighash.ts';
import { encodeSignature } from '../src/core/tx/sign.ts';
import { decodeTransaction, type Transaction, type TxInput, type TxOutput, transactionId } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { type ChannelSubject, ChannelWorld, codeOf } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { assertRefused, must } from './world/sample.ts';
import { SHORT } from './world/short-terms.ts';

const verifier = await fastestVerifier();

/** Purchases that one channel, and all of them, may have before deposits are deep. */
const EACH = 10n;
const ALL = 15n;

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`value delivered before deposits are deep, ${coin.id}`, () => {
    const regtest = new Regtest({ coin, verify: verifier.verify });
    regtest.mine(1_360);
    const subject: ChannelSubject = embedded(regtest, verifier);
    test('opens at once, sells up to the limit, says when to come back, and then sells on', () => sellsOn(subject));
    test('all channels together stay below the limit of the shop; a deep one does not count', () => sharesLimit(subject));
    test('a deposit that is spent otherwise costs no more than the limit', () => survivesDoubleSpend(subject));
    test('a deposit mined under another id costs no more than the limit, and comes back to the payer', () => survivesMalleation(subject));
    test('a reorganisation that exposes more than the limit stops what is not backed, and nothing else', () =>
      survivesReorganisation(subject));
    test('channels whose deposits one reorganisation takes deliver together what one such deposit may', () => boundsYoung(subject));
    test('a deposit that is never mined is written off, and the shop goes on; should it be mined after all, it counts again', () =>
      writesOff(subject));
  });
}

async function shopOn(subject: ChannelSubject): Promise<ChannelWorld> {
  const price = subject.chain.coin.policy.dust * 2n;
  const world = await ChannelWorld.open(subject, { terms: { unconfirmed: amount(price * EACH) }, exposure: amount(price * ALL) });
  await subject.fund(await world.wallet.receiveAddress(), world.deposit);
  await world.mine(1);
  return world;
}

/** A channel that is accepted while its deposit is in the mempool. */
async function openedAtOnce(world: ChannelWorld, lifetime: number = SHORT.minLifetime + 1): Promise<ChannelId> {
  const offer = await world.offer();
  const expiry = after((await world.chain.tip()).height, lifetime);
  const { channel } = must(await world.agent.plan(offer, expiry, await world.freshScript()));
  assert.equal(must(await world.agent.fund(channel, world.deposit, world.payee)).reply.kind, 'provisional');
  assert.equal(await world.merchant.engine.get(channel), undefined, 'nothing is stored before the deposit is seen');
  const { reply, state } = must(await world.agent.announce(channel, world.payee));
  assert.deepEqual([reply.kind, state.kind], ['accepted', 'open']);
  return channel;
}

async function full(world: ChannelWorld, channel: ChannelId): Promise<Readonly<Record<string, string>>> {
  const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
  const refusal = await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee);
  assertRefused(refusal, 'exposure-full');
  return refusal.detail;
}

const shopTotal = ({ merchant, price }: ChannelWorld): bigint => merchant.engine.exposure.total / price;

async function sellsOn(subject: ChannelSubject): Promise<void> {
  const world = await shopOn(subject);
  const channel = await openedAtOnce(world);
  await world.buy(channel, Number(EACH));
  assert.equal(shopTotal(world), EACH);
  const { blocks, seconds, most } = await full(world, channel);
  assert.deepEqual([most, seconds], [String(world.price * EACH), String(Number(blocks) * world.coin.blockSeconds)]);
  await world.mine(Number(blocks) - 1);
  await full(world, channel);
  await world.mine(1);
  assert.equal(shopTotal(world), 0n);
  await world.buy(channel, 5);
  assert.equal(shopTotal(world), 0n);
  const closed = await world.close(channel);
  await world.bury();
  const ended = await world.payeeState(channel);
  assert.equal(ended.kind === 'ended' && ended.how, 'closed');
  assert.equal(world.paidTo(closed, world.payeeScript), (EACH + 5n) * world.price - world.feeOf(ended, closed));
}

async function sharesLimit(subject: ChannelSubject): Promise<void> {
  const world = await shopOn(subject);
  const first = await openedAtOnce(world);
  await world.buy(first, Number(EACH));
  await world.mine(1);
  const second = await openedAtOnce(world);
  await world.buy(second, Number(ALL - EACH));
  assert.deepEqual([shopTotal(world), world.merchant.engine.exposure.channels], [ALL, 2]);
  const { most } = await full(world, second);
  assert.equal(most, String(world.price * (ALL - EACH)));
  await world.mine(1);
  assert.deepEqual([shopTotal(world), world.merchant.engine.exposure.channels], [ALL - EACH, 1]);
  await world.buy(first, 20);
  await world.buy(second, Number(EACH - (ALL - EACH)));
  await full(world, second);
}

/** The transaction that made a channel's deposit, with other outputs or other signatures, by the keys that signed it. */
async function signedAnew(
  world: ChannelWorld,
  { outputs, ...made }: Transaction,
  hashType: number,
  other: readonly TxOutput[] = outputs,
): Promise<Transaction> {
  const bare = { ...made, outputs: other };
  const inputs: TxInput[] = [];
  for (const [i, input] of made.inputs.entries()) {
    const before = (await world.chain.transaction(input.outpoint.txid))?.transaction.outputs[input.outpoint.vout];
    assert.ok(before !== undefined);
    const key = world.wallet.keyOf(before.script) ?? assert.fail('not a coin of the wallet');
    const signature = encodeSignature(key.sign(signatureHash(bare, i, before.script, hashType)), hashType);
    inputs.push({ outpoint: input.outpoint, script: script(signature, key.publicKey), sequence: input.sequence });
  }
  return { ...bare, inputs };
}

async function fundingOf(world: ChannelWorld, channel: ChannelId): Promise<Transaction> {
  const [funding = new Uint8Array()] = (await world.payer(channel)).funding;
  return decodeTransaction(funding) ?? assert.fail('no funding transaction');
}

/** Sees the channel to its end; what was delivered and is not paid is returned. */
async function lossAtEnd(world: ChannelWorld, channel: ChannelId): Promise<Amount> {
  const { best, terms } = await world.payeeState(channel);
  await world.mineTo(terms.expiry);
  await world.mine(world.coin.channel.buried);
  const ended = await world.payeeState(channel);
  assert.deepEqual([ended.kind, ended.kind === 'ended' && ended.how], ['ended', 'lost']);
  assert.deepEqual([exposureOf(ended), shopTotal(world)], [0n, 0n]);
  return best?.total ?? assert.fail('nothing was sold');
}

async function survivesDoubleSpend(subject: ChannelSubject): Promise<void> {
  const world = await shopOn(subject);
  const channel = await openedAtOnce(world);
  await world.buy(channel, Number(EACH));
  await full(world, channel);
  const funding = await fundingOf(world, channel);
  const back = await world.freshScript();
  const sum = funding.outputs.reduce((all, { value }) => all + value, 0n);
  const rival = await signedAnew(world, funding, SIGHASH.ALL, [{ script: back, value: sum - world.price }]);
  await world.forgetMempool();
  assert.deepEqual(await world.chain.broadcast(rival), { kind: 'accepted' });
  await world.mine(1);
  assert.deepEqual([(await world.payeeState(channel)).kind, shopTotal(world)], ['paused', EACH]);
  assert.equal(codeOf(await world.agent.invoice(channel, 'tea', world.payee)), 'funding-reorganised');
  assert.equal(await lossAtEnd(world, channel), EACH * world.price);
}

async function survivesMalleation(subject: ChannelSubject): Promise<void> {
  const world = await shopOn(subject);
  const channel = await openedAtOnce(world);
  await world.buy(channel, Number(EACH));
  const funding = await fundingOf(world, channel);
  const other = await signedAnew(world, funding, SIGHASH.ALL | SIGHASH.ANYONECANPAY);
  assert.notEqual(transactionId(other), transactionId(funding));
  await world.forgetMempool();
  assert.deepEqual(await world.chain.broadcast(other), { kind: 'accepted' });
  await world.mine(1);
  assert.deepEqual([(await world.payeeState(channel)).kind, shopTotal(world)], ['paused', EACH]);
  assert.equal(await lossAtEnd(world, channel), EACH * world.price);
  const payer = await world.payer(channel);
  assert.deepEqual([payer.kind, payer.kind === 'ended' && payer.how], ['ended', 'refunded']);
  const returned = payer.kind === 'ended' ? payer.returned : 0n;
  assert.ok(returned > world.deposit - world.price && returned < world.deposit, `${returned}`);
}

async function survivesReorganisation(subject: ChannelSubject): Promise<void> {
  const world = await shopOn(subject);
  const early = await openedAtOnce(world);
  await world.mine(1);
  const late = await openedAtOnce(world);
  await world.mine(2);
  await world.buy(late, 30);
  assert.equal(shopTotal(world), 0n);
  await subject.invalidate(await world.blockOf(await fundingOf(world, late)));
  await subject.mine(1);
  await world.look();
  const state = await world.payeeState(late);
  assert.equal(exposureOf(state), 30n * world.price);
  assert.ok(shopTotal(world) > ALL, 'a reorganisation may lift it above the limit');
  await full(world, late);
  const fresh = await openedAtOnce(world);
  const { most } = await full(world, fresh);
  assert.equal(most, '0');
  await world.buy(early, 20);
  await world.mine(1);
  assert.equal(shopTotal(world), 0n);
  await world.buy(late);
  await world.buy(fresh);
}

async function boundsYoung(subject: ChannelSubject): Promise<void> {
  const price = subject.chain.coin.policy.dust * 2n;
  const depth = [
    { upTo: amount(price * 20n), blocks: 2 },
    { upTo: MAX_AMOUNT, blocks: 8 },
  ];
  const world = await ChannelWorld.open(subject, { terms: { depth } });
  const opened: ChannelId[] = [];
  for (let i = 0; i < 2; i++) await subject.fund(await world.wallet.receiveAddress(), world.deposit);
  await world.mine(1);
  for (let i = 0; i < 3; i++) {
    const expiry = after((await world.chain.tip()).height, SHORT.minLifetime + 50);
    const { channel } = must(await world.agent.plan(await world.offer(), expiry, await world.freshScript()));
    must(await world.agent.fund(channel, amount(price * 15n), world.payee));
    opened.push(channel);
  }
  await world.mine(2);
  for (const channel of opened) assert.equal(must(await world.agent.announce(channel, world.payee)).reply.kind, 'accepted');
  const [first, second, third] = opened;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await world.buy(first, 12);
  await world.buy(second, 8);
  const { blocks, most } = await full(world, third);
  assert.deepEqual([most, shopTotal(world)], ['0', 0n]);
  assert.equal((await full(world, first))['most'], String(price * 12n));
  await world.mine(Number(blocks) - 1);
  await full(world, third);
  await world.mine(1);
  await world.buy(third, 14);
  await world.buy(first, 2);
}

async function writesOff(subject: ChannelSubject): Promise<void> {
  const world = await shopOn(subject);
  const { exposure } = world.merchant.engine;
  const channel = await openedAtOnce(world, 2 * world.coin.channel.buried);
  await world.buy(channel, Number(EACH));
  const payer = world.watching.get('payer') ?? assert.fail();
  const wallet = world.watching.get('wallet') ?? assert.fail();
  for (const one of ['payer', 'wallet'] as const) world.watching.delete(one);
  await world.forgetMempool();
  await world.look();
  await world.mine(world.coin.channel.buried - 1);
  assert.deepEqual([shopTotal(world), exposure.writtenOff], [EACH, 0n]);
  await world.mine(1);
  assert.deepEqual([shopTotal(world), exposure.writtenOff], [0n, EACH * world.price]);
  // Its owner sends it again: until it is in a block nothing more is given for it.
  await payer();
  await wallet();
  await world.look();
  assert.deepEqual([(await world.payeeState(channel)).kind, exposure.writtenOff], ['open', EACH * world.price]);
  await full(world, channel);
  await world.mine(1);
  assert.deepEqual([shopTotal(world), exposure.writtenOff], [EACH, 0n]);
  await world.mine(1);
  assert.equal(shopTotal(world), 0n);
  await world.buy(channel, 3);
}
