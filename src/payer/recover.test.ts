import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { codeOf } from '../../test/world/channel-world.ts';
import { coinFor, must } from '../../test/world/sample.ts';
import { TwoDisks, type TwoDisksOptions } from '../../test/world/two-disks.ts';
import { amount } from '../core/base/amount.ts';
import { type ChannelId, equalBytes } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import { contracts } from '../core/contract/registry.ts';
import { revocable } from '../core/contract/revocable.ts';
import { OP } from '../core/tx/script.ts';
import { decodeTransaction, transactionSize } from '../core/tx/transaction.ts';
import { WorldError } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import { type MemoryDisk, memoryStore } from '../store/memory.ts';
import { seedKeyRing } from '../wallet/keyring.ts';
import { openWallet } from '../wallet/wallet.ts';
import { recoverChannels } from './recover.ts';

const { verify } = await fastestVerifier();
const BIRTHDAY = height(1_300);
const LIFETIME = 400;

interface Three {
  readonly world: TwoDisks;
  /** One that was paid from, one that was topped up and paid across both deposits, and one that was only opened. */
  readonly channels: readonly [ChannelId, ChannelId, ChannelId];
  readonly paid: readonly [bigint, bigint, bigint];
}

async function three(options: Omit<TwoDisksOptions, 'verify'> = {}): Promise<Three> {
  const world = await TwoDisks.open({ verify, ...options });
  const channels = [await world.opened(LIFETIME), await world.opened(LIFETIME), await world.opened(LIFETIME)] as const;
  await world.buy(channels[0]);
  await world.buy(channels[0]);
  await world.topUp(channels[1]);
  const across = amount(world.deposit + world.price);
  must(await world.agent.pay(channels[1], { amount: across }, world.payee));
  return { world, channels, paid: [2n * world.price, across, 0n] };
}

/** All that is left is the seed: an empty disk. What `recover` does before anything reads the chain. */
async function recover(world: TwoDisks, disk: MemoryDisk = new Map(), chain = world.chain): Promise<readonly ChannelId[]> {
  const store = memoryStore(disk);
  const keys = world.keys.payer;
  const wallet = await openWallet({ chain, store, keys, birthday: BIRTHDAY });
  const found = await recoverChannels({ chain, store, keys, wallet, birthday: BIRTHDAY });
  await world.start('payer', disk);
  return found;
}

async function totalOf(world: TwoDisks): Promise<bigint> {
  const { confirmed, pending, immature } = await world.wallet.balance();
  return confirmed + pending + immature;
}

describe('a payer that has lost everything but its seed', () => {
  for (const contract of contracts.filter(({ expiryIn }) => expiryIn !== 'releases')) {
    test(`${contract.id}, the merchant gone: every channel is refunded at its expiry, to the last unit less fees`, async () => {
      const { world, channels } = await three({ coin: coinFor(contract), terms: { contract } });
      assert.deepEqual([...(await recover(world))].sort(), [...channels].sort());
      const before = await totalOf(world);
      const { terms } = await world.payerState(channels[0]);
      world.leave('payee');
      await world.mineBefore(terms.expiry);
      for (const channel of channels) assert.equal((await world.payerState(channel)).kind, 'funding');
      // Deposits that are locked by their age open some blocks later, each by itself.
      const blocks = contract.expiryIn === 'age' ? 2 * world.coin.channel.buried : 16;
      for (let i = 0; i < blocks; i++) await world.mine(1);
      await world.mine(world.coin.channel.buried);
      let returned = 0n;
      for (const channel of channels) {
        const state = await world.payerState(channel);
        assert.equal(state.kind === 'ended' && state.how, 'refunded');
        returned += state.kind === 'ended' ? state.returned : 0n;
      }
      const deposited = world.deposit * 4n;
      assert.ok(deposited - returned < world.coin.policy.feeRate * 3n, `${deposited - returned} went to miners`);
      assert.equal(await totalOf(world), before + returned, 'the wallet has it');
    });
  }

  for (const contract of contracts.filter(({ expiryIn }) => expiryIn === 'releases')) {
    test(`${contract.id}: the seed does not hold what the payee signed; asked once more, the payee is needed no longer`, async () => {
      const { world, channels } = await three({ terms: { contract } });
      await recover(world);
      const [asked, , unpaid] = channels;
      const { terms } = await world.payerState(asked);
      must(await world.agent.resync(asked, world.payee));
      world.leave('payee');
      await world.mineBefore(terms.expiry);
      await world.mine(16);
      await world.mine(world.coin.channel.buried);
      const refunded = await world.payerState(asked);
      assert.equal(refunded.kind === 'ended' && refunded.how, 'refunded');
      assert.equal((await world.payerState(unpaid)).kind, 'funding', 'nothing to be done alone');
      // The payee answers for what it knows, after the expiry too.
      await world.start('payee', world.disks.payee);
      must(await world.agent.resync(unpaid, world.payee));
      await world.mine(1);
      assert.equal((await world.payerState(unpaid)).kind, 'refunding');
    });
  }

  test('revocable: the merchant tells the secrets again, and a close that was revoked before all was lost is punished', async () => {
    const world = await TwoDisks.open({ verify, terms: { contract: revocable } });
    const channel = await world.opened(LIFETIME);
    for (let i = 0; i < 4; i++) await world.buy(channel);
    const { terms, deposits, best = assert.fail('paid'), keyName } = await world.payeeState(channel);
    for (let i = 0; i < 3; i++) {
      must(await world.merchant.giveBack(channel, world.price, `${i}`));
      must(await world.agent.refresh(channel, world.payee));
    }
    await recover(world);
    const { state } = must(await world.agent.resync(channel, world.payee));
    assert.deepEqual([state.revocation?.index, state.best?.total], [3, world.price]);
    await world.buy(channel);
    world.leave('payee');
    const closing = [{ terms, deposits, payment: best, signer: world.keys.payee.signer(keyName) }];
    const stolen = must(revocable.close(closing, { script: terms.payeeScript, feeRate: world.coin.policy.feeRate }));
    assert.deepEqual(await world.chain.broadcast(stolen), { kind: 'accepted' });
    await world.mine(1);
    await world.mine(1);
    await world.mine(world.coin.channel.buried);
    const ended = await world.payerState(channel);
    assert.equal(ended.kind === 'ended' && ended.how, 'punished');
  });

  test('the merchant there: each ends at once, by agreement, at what was paid', async () => {
    const { world, channels, paid } = await three();
    await recover(world);
    for (const [i, channel] of channels.entries()) {
      const asked = must(await world.agent.resync(channel, world.payee));
      assert.equal(asked.state.kind, 'open');
      assert.equal(asked.state.best?.total ?? 0n, paid[i]);
      const { reply } = must(await world.agent.end(channel, world.payee));
      assert.equal(reply.kind, 'ended');
      const toPayee = reply.kind === 'ended' ? reply.transaction.outputs.filter(({ script }) => equalBytes(script, world.payeeScript)) : [];
      assert.equal(
        toPayee.reduce((sum, { value }) => sum + value, 0n),
        paid[i],
      );
    }
    await world.mine(world.coin.channel.buried + 1);
    for (const [i, channel] of channels.entries()) {
      const state = await world.payerState(channel);
      const capacity = i === 1 ? 2n * world.deposit : world.deposit;
      assert.equal(state.kind === 'ended' && state.how, 'closed');
      const fee = capacity - (paid[i] ?? 0n) - (state.kind === 'ended' ? state.returned : 0n);
      assert.ok(fee > 0n && fee <= world.coin.policy.feeRate, `${fee}`);
    }
  });

  test('the channel can also go on: it is paid from as before, but not topped up, and its keys are not given out again', async () => {
    const { world, channels, paid } = await three();
    await recover(world);
    must(await world.agent.resync(channels[0], world.payee));
    await world.buy(channels[0]);
    assert.equal((await world.payeeState(channels[0])).best?.total, paid[0] + world.price);
    assert.equal(codeOf(await world.agent.fund(channels[0], world.deposit, world.payee)), 'offer-unknown');
    const names = await Promise.all(channels.map(async (channel) => (await world.payerState(channel)).keyName));
    assert.ok(!names.includes(await world.wallet.nextChannelKey()));
  });

  test('a merchant that shows another total, or deposits that are none, is not believed', async () => {
    const { world, channels } = await three();
    await recover(world);
    const [channel] = channels;
    const forging = (alter: object) => ({
      exchange: async (request: Parameters<typeof world.answer>[0]) => {
        const reply = await world.answer(request);
        return reply.kind === 'state' ? { ...reply, ...alter } : reply;
      },
    });
    const { best, deposits } = await world.payeeState(channel);
    const dear = { best: { total: amount((best?.total ?? 0n) + world.price), signatures: best?.signatures ?? [] } };
    const strange = { deposits: deposits.map((deposit) => ({ ...deposit, value: amount(deposit.value + 1n) })) };
    must(await world.agent.resync(channel, forging(strange)));
    assert.equal((await world.payerState(channel)).kind, 'funding');
    must(await world.agent.resync(channel, forging(dear)));
    assert.equal((await world.payerState(channel)).best, undefined);
    must(await world.agent.resync(channel, world.payee));
    assert.equal((await world.payerState(channel)).best?.total, best?.total);
  });

  test('channels that have ended are found as such', async () => {
    const { world, channels } = await three();
    must(await world.agent.end(channels[0], world.payee));
    must(await world.merchant.close(channels[1]));
    await world.mine(world.coin.channel.buried + 1);
    const states = await Promise.all(channels.map((channel) => world.payerState(channel)));
    await recover(world);
    for (const [i, channel] of channels.entries()) {
      const [lost, found] = [states[i], await world.payerState(channel)];
      if (lost?.kind !== 'ended') assert.equal(found.kind, 'funding');
      else assert.deepEqual(found.kind === 'ended' && found.how, lost.how);
    }
  });

  test('an older copy of the store gets what it lacks, and keeps what it has', async () => {
    const world = await TwoDisks.open({ verify });
    const first = await world.opened(LIFETIME);
    await world.buy(first);
    const copy = world.copy('payer');
    const second = await world.opened(LIFETIME);
    assert.deepEqual([...(await recover(world, copy))].sort(), [first, second].sort());
    assert.equal((await world.payerState(first)).best?.total, world.price);
    assert.equal((await world.payerState(second)).kind, 'funding');
  });
});

describe('the search', () => {
  test('can be cut off at any block, and goes on; a reorganisation in between costs it a few blocks', async () => {
    const { world, channels } = await three();
    await world.mine(250);
    const disk: MemoryDisk = new Map();
    let left = 0;
    let asked = 0;
    const flaky = {
      ...world.chain,
      block: async (at: Parameters<typeof world.chain.block>[0]) => {
        asked++;
        if (left-- <= 0) throw new WorldError('node-down', 'gone', 'wait');
        return world.chain.block(at);
      },
    };
    let tries = 0;
    for (; tries < 20; tries++) {
      left = 130;
      if (tries === 2) {
        world.regtest.invalidate(world.regtest.block(height(world.regtest.tip.height - 20))?.hash ?? '');
        world.regtest.mine(25);
      }
      const found = await recover(world, disk, flaky).catch((error: unknown) =>
        error instanceof WorldError ? undefined : Promise.reject(error),
      );
      if (found === undefined) continue;
      assert.deepEqual([...found].sort(), [...channels].sort());
      break;
    }
    assert.ok(tries > 1 && tries < 20 && asked < 2_000, `${tries} tries, ${asked} blocks asked for`);
  });

  test('finds nothing of another seed', async () => {
    const { world } = await three();
    const store = memoryStore();
    const keys = seedKeyRing(world.coin, new Uint8Array(32).fill(9));
    const wallet = await openWallet({ chain: world.chain, store, keys, birthday: BIRTHDAY });
    assert.deepEqual(await recoverChannels({ chain: world.chain, store, keys, wallet, birthday: BIRTHDAY }), []);
  });
});

test('the note costs 84 bytes of the funding transaction, and looks different each time', async () => {
  const { world, channels } = await three();
  const funding = (await Promise.all(channels.map((channel) => world.payerState(channel)))).flatMap((state) => state.funding);
  const notes = funding.map((bytes) => {
    const transaction = decodeTransaction(bytes) ?? assert.fail();
    const [note, ...others] = transaction.outputs.filter(({ script }) => script[0] === OP.RETURN);
    assert.deepEqual([note?.value, others.length], [0n, 0]);
    const bare = { ...transaction, outputs: transaction.outputs.filter((output) => output !== note) };
    assert.equal(transactionSize(transaction) - transactionSize(bare), 84);
    return note?.script ?? assert.fail();
  });
  assert.equal(notes.length, 4);
  const column = (at: number) => new Set(notes.map((note) => note[at])).size;
  const fixed = Array.from({ length: 73 }, (_, i) => column(i + 2)).filter((different) => different === 1);
  assert.ok(fixed.length < 3, 'no byte is the same in all of them but by chance');
  const state = await world.payerState(channels[0]);
  const script = state.terms.contract.outputScript(state.terms);
  assert.ok(notes.every((note) => !note.join().includes(script.join())));
});
