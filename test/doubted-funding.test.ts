import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { after } from '../src/core/base/height.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { TX_SEQUENCE } from '../src/core/contract/form.ts';
import { p2pkh, script } from '../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../src/core/tx/sighash.ts';
import { encodeSignature } from '../src/core/tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { assertRefused, must } from './world/sample.ts';
import { SHORT } from './world/short-terms.ts';

const verifier = await fastestVerifier();
/** Purchases that one channel, and all of them, may have before deposits are deep. */
const EACH = 10n;
const ALL = 15n;

interface Market {
  rate: Amount;
}

async function shopOn(coin: Coin): Promise<{ readonly world: ChannelWorld; readonly market: Market }> {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const market = { rate: coin.policy.feeRate };
  const price = coin.policy.dust * 2n;
  const world = await ChannelWorld.open(embedded(regtest, verifier, { chain: { ...asChain(regtest), feeRate: async () => market.rate } }), {
    terms: { unconfirmed: amount(price * EACH) },
    exposure: amount(price * ALL),
  });
  return { world, market };
}

async function plan(world: ChannelWorld): Promise<ChannelId> {
  const expiry = after((await world.chain.tip()).height, SHORT.minLifetime + 50);
  return must(await world.agent.plan(await world.offer(), expiry, await world.freshScript())).channel;
}

/** What the wallet would fund a channel with. */
async function fundingFor(
  world: ChannelWorld,
  channel: ChannelId,
  options: { readonly unconfirmedChange?: boolean } = {},
): Promise<Transaction> {
  const { terms } = await world.payer(channel);
  return (await world.wallet.fund([{ script: terms.contract.outputScript(terms), value: world.deposit }], { label: '', ...options }))
    .transaction;
}

/** Has a funding on its way, and announces it. */
async function announced(world: ChannelWorld, channel: ChannelId, transaction: Transaction): Promise<void> {
  const deposit = { outpoint: { txid: transactionId(transaction), vout: 0 }, value: world.deposit };
  must(await world.agent.engine.drive(channel, { kind: 'fund', deposits: [deposit], transaction: encodeTransaction(transaction) }));
  must(await world.agent.engine.drive(channel, { kind: 'launch' }));
  assert.equal(must(await world.agent.announce(channel, world.payee)).reply.kind, 'accepted');
}

async function doubtOf(world: ChannelWorld, channel: ChannelId): Promise<string | undefined> {
  const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
  const refusal = await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee);
  assertRefused(refusal, 'exposure-full');
  return refusal.detail['doubt'];
}

/** The same, signed anew to say that it may be replaced. */
async function replaceable(world: ChannelWorld, transaction: Transaction): Promise<Transaction> {
  const bare = { ...transaction, inputs: transaction.inputs.map((input) => ({ ...input, sequence: TX_SEQUENCE })) };
  const inputs = bare.inputs.map(async (input, i) => {
    const before = (await world.chain.transaction(input.outpoint.txid))?.transaction.outputs[input.outpoint.vout] ?? assert.fail();
    const key = world.wallet.keyOf(before.script) ?? assert.fail('not a coin of the wallet');
    const unlock = script(encodeSignature(key.sign(signatureHash(bare, i, p2pkh(key.publicKey), SIGHASH.ALL)), SIGHASH.ALL), key.publicKey);
    return { ...input, script: unlock };
  });
  return { ...bare, inputs: await Promise.all(inputs) };
}

/** The usual funding of a shop that asks for no more; nothing is wrong with it. */
async function control(world: ChannelWorld): Promise<void> {
  const used = world.merchant.engine.exposure.total;
  const channel = await plan(world);
  await announced(world, channel, await fundingFor(world, channel));
  await world.buy(channel);
  assert.equal(world.merchant.engine.exposure.total, used + world.price);
}

/** Nothing is delivered on a doubted funding, no exposure is used up, and all is well once a block has it. */
async function waitsForBlock(world: ChannelWorld, channel: ChannelId, doubt: string): Promise<void> {
  const used = world.merchant.engine.exposure.total;
  assert.equal(await doubtOf(world, channel), doubt);
  await world.look();
  assert.equal(await doubtOf(world, channel), doubt, 'looking at it again makes it no better');
  assert.equal(world.merchant.engine.exposure.total, used);
  await world.mine(1);
  await world.buy(channel);
}

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`a funding that may never be mined counts for nothing until it is, ${coin.id}`, () => {
    test('one that pays less than is mined soon', async () => {
      const { world, market } = await shopOn(coin);
      await control(world);
      await world.mine(1);
      const channel = await plan(world);
      const funding = await fundingFor(world, channel);
      market.rate = amount(coin.policy.feeRate * 3n);
      await world.mine(1);
      await announced(world, channel, funding);
      market.rate = coin.policy.feeRate;
      await waitsForBlock(world, channel, 'fee');
    });

    test('one that builds on what is in no block, the payer’s own change too', async () => {
      const { world } = await shopOn(coin);
      const own = await world.wallet.fund([{ script: await world.freshScript(), value: world.deposit }], { label: '' });
      await world.wallet.publish(own.txid);
      const channel = await plan(world);
      await announced(world, channel, await fundingFor(world, channel, { unconfirmedChange: true }));
      await waitsForBlock(world, channel, 'parents');
      await control(world);
    });

    test('one that says that it may be replaced, where that is so', async () => {
      const { world } = await shopOn(coin);
      const channel = await plan(world);
      await announced(world, channel, await replaceable(world, await fundingFor(world, channel)));
      if (coin.policy.replacement === 'opt-in') await waitsForBlock(world, channel, 'replaceable');
      else await world.buy(channel);
    });

    test('a top-up: what is deep goes on', async () => {
      const { world, market } = await shopOn(coin);
      const opened = await world.openChannel();
      const topUp = await fundingFor(world, opened);
      market.rate = amount(coin.policy.feeRate * 3n);
      await world.mine(1);
      await announced(world, opened, topUp);
      market.rate = coin.policy.feeRate;
      await world.look();
      await world.payUpTo(opened, world.deposit);
      await waitsForBlock(world, opened, 'fee');
    });
  });
}
