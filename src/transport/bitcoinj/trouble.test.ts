import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { opened, prepared, VALUE } from '../../../test/world/bitcoinj-channel.ts';
import type { PayerChannel } from '../../../test/world/bitcoinj-payer.ts';
import { BitcoinjWorld } from '../../../test/world/bitcoinj-world.ts';
import { chainCalls } from '../../../test/world/faulty-chain.ts';
import { transactionId } from '../../core/tx/transaction.ts';
import { type Store, WorldError } from '../../engine/ports.ts';

const DOGE = 100_000_000n;
/** Longer than what was read last is believed. */
const TOO_OLD = 660;

/** A disk that can be full, or that fails after it has written. */
class Disk {
  state: 'well' | 'full' | 'unsure' = 'well';

  readonly before = (disk: Store): Store => ({
    ...disk,
    commit: async (writes) => {
      if (this.state === 'full') throw fault();
      const done = await disk.commit(writes);
      if (this.state === 'unsure') throw fault();
      return done;
    },
  });
}

function fault(): WorldError {
  return new WorldError('store-full', 'the disk at /secret/place is full', 'Make room.');
}

async function withoutNode(world: BitcoinjWorld): Promise<void> {
  world.node.begin({ fault: 'down', calls: chainCalls });
  world.turnTo(world.seconds + TOO_OLD);
  await assert.rejects(world.look());
}

describe('a node that can’t be relied on', () => {
  test('nobody is offered a channel, and a payment is not taken; when it is back, both', async () => {
    const { world, payer, channel } = await opened();
    await payer.pay(channel, DOGE);
    await withoutNode(world);
    const stranger = world.connect();
    await stranger.say({ kind: 'client-version', major: 2, minor: 0 });
    await stranger.hearsError('OTHER');
    await payer.say(payer.update(channel, 2n * DOGE));
    await payer.hearsError('OTHER');
    assert.equal((await world.single()).best?.total, DOGE);
    world.node.heal();
    await world.look();
    const again = world.connect(1);
    await again.resume(channel);
    await again.pay(channel, 3n * DOGE);
    await world.connect().ask();
    assert.deepEqual(world.faults, []);
  });

  test('a contract that it did not take is broadcast when the client comes again', async () => {
    const { world, payer, channel } = await prepared();
    world.node.begin({ fault: 'down', calls: ['broadcast'] });
    await payer.say(payer.contractOf(channel));
    await payer.hearsError('OTHER');
    assert.deepEqual(world.regtest.mempool(), []);
    const early = world.connect(1);
    await early.greet({ previous: channel.txid });
    await early.hearsError('OTHER');
    world.node.heal();
    const again = world.connect(1);
    await again.resume(channel);
    assert.deepEqual(world.regtest.mempool(), [channel.txid]);
    await again.pay(channel, DOGE);
    assert.ok(await again.settle());
  });

  test('a contract that it took, but says nothing of, is gone on with; a guest who names it gets no more of it than of any channel', async () => {
    const { world, payer, channel } = await prepared();
    world.node.begin({ fault: 'down', calls: ['output'], spare: 1 });
    await payer.say(payer.contractOf(channel, DOGE));
    await payer.hearsError('OTHER');
    assert.deepEqual(world.regtest.mempool(), [channel.txid]);
    assert.deepEqual(await world.channels(), []);
    world.node.heal();
    const guest = world.connect(2);
    await guest.resume(channel);
    assert.equal(await guest.settle(), undefined);
    const again = world.connect(1);
    await again.resume(channel);
    await again.pay(channel, 2n * DOGE);
    assert.deepEqual(world.told, [{ kind: 'opened' }, { kind: 'paid', by: 2n * DOGE, total: 2n * DOGE }]);
  });

  test('a settlement that it does not take is told the client, and broadcast when it does', async () => {
    const { world, payer, channel } = await opened();
    await payer.pay(channel, DOGE);
    await world.mine(1);
    world.node.begin({ fault: 'down', calls: ['broadcast'] });
    const settlement = (await payer.settle()) ?? assert.fail();
    assert.deepEqual(world.regtest.mempool(), []);
    world.node.heal();
    await world.mine(1);
    await world.mine(1);
    assert.equal(world.regtest.transaction(transactionId(settlement))?.depth, 1);
  });
});

describe('a disk that takes nothing', () => {
  test('a payment is not acknowledged, nor told the application; when there is room it is part of the next', async () => {
    const disk = new Disk();
    const { world, payer, channel } = await opened({ store: disk.before });
    await payer.pay(channel, DOGE);
    disk.state = 'full';
    await payer.say(payer.update(channel, 2n * DOGE), payer.update(channel, 3n * DOGE));
    assert.doesNotMatch(await payer.hearsError('OTHER'), /secret/);
    disk.state = 'well';
    assert.equal((await world.single()).best?.total, DOGE);
    const again = world.connect(1);
    await again.resume(channel);
    await again.pay(channel, 4n * DOGE);
    assert.deepEqual(world.told.at(-1), { kind: 'paid', by: 3n * DOGE, total: 4n * DOGE });
    assert.deepEqual(world.faults, []);
  });

  test('one that fails after it has written: no acknowledgement either, and nothing is lost', async () => {
    const disk = new Disk();
    const { world, payer, channel } = await opened({ store: disk.before });
    await payer.pay(channel, DOGE);
    disk.state = 'unsure';
    await payer.say(payer.update(channel, 2n * DOGE));
    await payer.hearsError('OTHER');
    disk.state = 'well';
    assert.equal((await world.single()).best?.total, 2n * DOGE);
    const again = world.connect(1);
    await again.resume(channel);
    await again.pay(channel, 3n * DOGE);
    assert.deepEqual(world.told.at(-1), { kind: 'paid', by: DOGE, total: 3n * DOGE });
  });

  test('a settlement is not sent: the channel is as it was, and settled later', async () => {
    const disk = new Disk();
    const { world, payer, channel } = await opened({ store: disk.before });
    await payer.pay(channel, DOGE);
    disk.state = 'full';
    await payer.say({ kind: 'close' });
    await payer.hearsError('OTHER');
    assert.deepEqual(world.regtest.mempool(), [channel.txid]);
    disk.state = 'well';
    const again = world.connect(1);
    await again.resume(channel);
    await again.pay(channel, 2n * DOGE);
    assert.ok(await again.settle());
  });

  test('a contract that is broadcast and can’t be stored is, when the client comes again; after a crash it is not known', async () => {
    const disk = new Disk();
    const world = await BitcoinjWorld.open({ store: disk.before });
    const { channel, key } = await unstored(world, disk, 100);
    const again = world.connect(key);
    await again.resume(channel);
    await again.pay(channel, DOGE);
    await again.hangUp();
    await again.served;
    const lost = await unstored(world, disk, 101);
    await world.restart();
    const stranger = world.connect(lost.key);
    await stranger.greet({ previous: lost.channel.txid });
    await stranger.hears('initiate');
    const known = world.connect(key);
    await known.resume(channel);
  });
});

/** A contract in the mempool that the merchant could not store. */
async function unstored(world: BitcoinjWorld, disk: Disk, key: number): Promise<{ readonly channel: PayerChannel; readonly key: number }> {
  const payer = world.connect(key);
  const channel = payer.prepare(await payer.ask(), VALUE);
  disk.state = 'full';
  await payer.say(payer.contractOf(channel));
  await payer.hearsError('OTHER');
  disk.state = 'well';
  assert.ok(world.regtest.mempool().includes(channel.txid));
  return { channel, key };
}
