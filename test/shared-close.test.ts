import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import type { Contract } from '../src/core/contract/contract.ts';
import { contracts } from '../src/core/contract/registry.ts';
import { MAX_CHANNELS_PER_CLOSE } from '../src/core/contract/shared-close-grouping.ts';
import { outpointKey, type Transaction, transactionId } from '../src/core/tx/transaction.ts';
import type { Chain } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { crowd } from './crowd.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { flexibleContracts, must, returnScript } from './world/sample.ts';
import { TwoDisks } from './world/two-disks.ts';

const verifier = await fastestVerifier();
const cltv: Contract = contracts[1] ?? contracts[0];

interface Opened {
  readonly world: ChannelWorld;
  /** From now on miners ask for so many times the coin's rate, and nodes say so. */
  readonly ask: (factor: bigint) => void;
}

async function opened(coin: Coin, contract: Contract = contracts[0]): Promise<Opened> {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_400);
  let minFeeRate: Amount = coin.policy.feeRate;
  const world = await ChannelWorld.open(
    embedded(regtest, verifier, {
      chain: { ...asChain(regtest), feeRate: async () => minFeeRate },
      mine: async (blocks) => void regtest.mine(blocks, { minFeeRate }),
    }),
    { terms: { contract } },
  );
  await world.subject.fund(await world.wallet.receiveAddress(), amount(world.deposit * 3n));
  await world.mine(1);
  const ask = (factor: bigint): void => {
    minFeeRate = amount(coin.policy.feeRate * factor);
  };
  return { world, ask };
}

/** Three channels with nothing left to return. */
async function three(world: ChannelWorld, lifetime = 200): Promise<readonly ChannelId[]> {
  const channels = [await world.openChannel(lifetime), await world.openChannel(lifetime), await world.openChannel(lifetime)];
  for (const channel of channels) await world.payUpTo(channel, world.deposit);
  return channels;
}

async function together(world: ChannelWorld, channels: readonly ChannelId[]): Promise<Transaction> {
  const settled = await world.merchant.settle(channels);
  assert.equal(settled.length, channels.length);
  const sent = settled.map((one) => ('transaction' in one ? one : assert.fail(one.why.code)));
  assert.deepEqual(new Set(sent.map(({ outcome }) => outcome.kind)), new Set(['accepted']));
  const [first] = sent;
  assert.ok(first !== undefined && sent.every(({ transaction }) => transactionId(transaction) === transactionId(first.transaction)));
  return first.transaction;
}

async function areClosed(world: ChannelWorld, channels: readonly ChannelId[]): Promise<void> {
  for (const channel of channels) {
    const [payee, payer] = [await world.payeeState(channel), await world.payer(channel)];
    assert.deepEqual([payee.kind === 'ended' && payee.how, payer.kind === 'ended' && payer.how], ['closed', 'closed']);
  }
}

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`${coin.id}: several channels settled at once`, () => {
    for (const contract of flexibleContracts) {
      test(`${contract.id}: drained channels go into one transaction, with nothing in it for their payers`, async () => {
        const { world } = await opened(coin, contract);
        const channels = await three(world);
        const transaction = await together(world, channels);
        assert.deepEqual([transaction.inputs.length, transaction.outputs.length], [3, 1]);
        const again = await world.merchant.settle(channels);
        assert.ok(again.every((one) => 'why' in one && one.why.code === 'channel-ending'));
        await world.bury();
        await areClosed(world, channels);
      });
    }

    test('fees rise while it waits: it is paid more for as a whole', async () => {
      const { world, ask } = await opened(coin);
      const channels = await three(world);
      await together(world, channels);
      // A channel's own close, at this rate, would still pay less than the three together.
      ask(2n);
      await world.mine(1);
      assert.equal((await world.chain.mempool()).length, coin === litecoinRegtest ? 2 : 1);
      await world.mine(1);
      assert.deepEqual(await world.chain.mempool(), []);
      await world.bury();
      await areClosed(world, channels);
    });

    test('it is forgotten by everybody: each channel goes out alone', async () => {
      const { world } = await opened(coin);
      const channels = await three(world);
      await together(world, channels);
      await world.forgetMempool();
      await world.mine(1);
      await world.bury();
      await areClosed(world, channels);
    });
  });
}

/** What a program that starts on the disk of another makes of a close that was to be shared. */
describe('a merchant that settles and dies', () => {
  const open = async (through?: (chain: Chain) => Chain): Promise<readonly [TwoDisks, readonly ChannelId[]]> => {
    const world = await TwoDisks.open({ verify: verifier.verify, ...(through && { through }) });
    const first = await world.opened();
    const others = [await world.opened(), await world.opened()];
    for (const channel of [first, ...others]) must(await world.agent.pay(channel, { amount: world.deposit }, world.payee));
    return [world, [first, ...others]];
  };
  const isOver = async (world: TwoDisks, channels: readonly ChannelId[]): Promise<void> => {
    await world.mine(world.coin.channel.buried + 1);
    for (const channel of channels) {
      const [payee, payer] = [await world.payeeState(channel), await world.payerState(channel)];
      assert.deepEqual([payee.kind === 'ended' && payee.how, payer.kind === 'ended' && payer.how], ['closed', 'closed']);
    }
  };

  test('before it was sent: each channel goes out alone', async () => {
    const cuts = new Set<string>();
    const [world, channels] = await open((chain) => ({
      ...chain,
      broadcast: (transaction) => (cuts.size > 0 ? Promise.reject(new Error('cut off')) : chain.broadcast(transaction)),
    }));
    cuts.add('line');
    await assert.rejects(world.merchant.settle(channels), /cut off/);
    cuts.clear();
    await world.start('payee', world.copy('payee'));
    assert.equal((await world.chain.mempool()).length, 3);
    await isOver(world, channels);
  });

  test('after it was sent, and an older copy does not know all that is in it: the channels it knows pay more by themselves', async () => {
    const market = { feeRate: dogecoinRegtest.policy.feeRate };
    const [world, channels] = await open((chain) => ({ ...chain, feeRate: async () => market.feeRate }));
    await world.merchant.settle(channels);
    const [shared] = await world.chain.mempool();
    market.feeRate = amount(market.feeRate * 6n);
    const copy = world.copy('payee');
    copy.get('payee-channel')?.delete(channels[2] ?? assert.fail());
    await world.start('payee', copy);
    const waiting = await world.chain.mempool();
    assert.ok(shared !== undefined && !waiting.includes(shared));
    assert.equal(waiting.length, 2);
  });

  test('after it was sent: the next one pays more for it when it has to', async () => {
    const market = { feeRate: dogecoinRegtest.policy.feeRate };
    const [world, channels] = await open((chain) => ({ ...chain, feeRate: async () => market.feeRate }));
    const [sent] = await world.merchant.settle(channels);
    market.feeRate = amount(market.feeRate * 2n);
    await world.start('payee', world.copy('payee'));
    const [replaced, ...others] = await world.chain.mempool();
    assert.deepEqual(others, []);
    assert.notEqual(replaced, sent !== undefined && 'transaction' in sent && transactionId(sent.transaction));
    assert.equal((await world.chain.transaction(replaced ?? assert.fail()))?.transaction.inputs.length, 3);
    await isOver(world, channels);
  });
});

const MANY = 300;

describe('three hundred channels settled at once', () => {
  for (const isBlind of [false, true]) {
    for (const spoiled of [0, 1, 2, 5]) {
      test(`${spoiled} of which were spent before, ${isBlind ? 'unknown to the node' : 'and the node says so'}`, async (context) => {
        const { regtest, keys, states, open: openShop } = await crowd(MANY);
        const tries: number[] = [];
        const port = asChain(regtest);
        const unspent = new Map(
          await Promise.all(
            states.map(async ({ deposits: [one] }) => {
              const { outpoint } = one ?? assert.fail();
              return [outpointKey(outpoint), await port.output(outpoint)] as const;
            }),
          ),
        );
        const chain: Chain = {
          ...port,
          output: async (outpoint) => (isBlind ? unspent.get(outpointKey(outpoint)) : port.output(outpoint)),
          broadcast: (transaction) => {
            tries.push(transaction.inputs.length);
            return port.broadcast(transaction);
          },
        };
        const merchant = openShop(chain);
        await merchant.engine.follower.poll();
        const bad = new Set(states.filter((_, i) => spoiled > 0 && i % Math.ceil(MANY / spoiled) === 20).map(({ channel }) => channel));
        assert.equal(bad.size, spoiled);
        for (const { terms, deposits, best, keyName } of states.filter(({ channel }) => bad.has(channel))) {
          const closing = { terms, deposits, payment: best ?? assert.fail(), signer: keys.signer(keyName) };
          const older = must(cltv.close([closing], { script: returnScript, feeRate: amount(2n * dogecoinRegtest.policy.feeRate) }));
          assert.equal((await port.broadcast(older)).kind, 'accepted');
        }
        const settled = await merchant.settle(states.map(({ channel }) => channel));
        const failed = settled.filter((one) => !('outcome' in one) || one.outcome.kind !== 'accepted');
        assert.deepEqual(new Set(failed.map(({ channel }) => channel)), bad);
        const shared = tries.filter((inputs) => inputs > 1).length;
        const most = Math.ceil(MANY / MAX_CHANNELS_PER_CLOSE) + (isBlind ? spoiled * (1 + Math.log2(MAX_CHANNELS_PER_CLOSE)) : 0);
        context.diagnostic(`${shared} tries`);
        assert.ok(shared <= most, `${shared} tries, more than ${most}`);
        regtest.mine(1);
        for (const { deposits } of states) assert.equal(await port.output(deposits[0]?.outpoint ?? assert.fail()), undefined);
      });
    }
  }
});
