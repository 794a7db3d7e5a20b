import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { VALUE } from '../../../test/world/bitcoinj-channel.ts';
import type { BitcoinjPayer, PayerChannel } from '../../../test/world/bitcoinj-payer.ts';
import { BitcoinjWorld } from '../../../test/world/bitcoinj-world.ts';
import { amount } from '../../core/base/amount.ts';
import { Quotas } from '../rate-limit.ts';

const DOGE = 100_000_000n;
/** A proposal and a contract. */
const CHANNEL = 12;

interface Metered {
  readonly world: BitcoinjWorld;
  /** Takes all that the address of the clients has left. @returns units. */
  readonly drain: () => number;
  /** So many units come back, one in a second. */
  readonly wait: (units: number) => void;
}

async function metered(burst: number, major = 2): Promise<Metered> {
  let seconds = 0;
  const quotas = new Quotas({ burst, perSecond: 1, mostAddresses: 100, mostLarge: 1 }, () => seconds * 1000);
  return {
    world: await BitcoinjWorld.open({ quotas, major }),
    drain: () => {
      let units = 0;
      while (quotas.take('10.0.0.1', 'other') === 0) units++;
      return units;
    },
    wait: (units) => {
      seconds += units;
    },
  };
}

/** Fails unless this client is told to come back in so many seconds, and nothing more. */
async function isTurnedAway(payer: BitcoinjPayer, seconds: number): Promise<void> {
  assert.equal(await payer.hearsError('OTHER'), `Too many requests for now. Wait and send the same again. (seconds ${seconds})`);
  await payer.served;
}

function wrong(payer: BitcoinjPayer, channel: PayerChannel, total: bigint): ReturnType<typeof payer.update> {
  return { ...payer.update(channel, total), change: amount(VALUE - total - DOGE) };
}

describe('what an address may ask for', () => {
  test('proposals: who has had enough is told when to come back; other addresses are served, and so is this one then', async () => {
    const { world, wait } = await metered(5);
    for (let i = 0; i < 2; i++) await world.connect().ask();
    const third = world.connect();
    await third.say({ kind: 'client-version', major: 2, minor: 0 });
    await isTurnedAway(third, 1);
    await world.connect(7, 2, '10.0.0.2').ask();
    wait(1);
    await world.connect().ask();
    assert.deepEqual(world.faults, []);
  });

  test('a subscriber of IPv6 has one share, whatever his address', async () => {
    const { world } = await metered(2);
    await world.connect(1, 2, '2001:db8:1:2::1').ask();
    const same = world.connect(2, 2, '2001:db8:1:2:ffff::9');
    await same.say({ kind: 'client-version', major: 2, minor: 0 });
    await isTurnedAway(same, 2);
    await world.connect(3, 2, '2001:db8:1:3::1').ask();
  });

  test('a refund is signed for two units, and not without them', async () => {
    const { world, drain } = await metered(5, 1);
    const payer = world.connect();
    await payer.secure(payer.prepare(await payer.ask(), VALUE));
    assert.equal(drain(), 1);
    const { world: other } = await metered(3, 1);
    const late = other.connect();
    await late.say(late.refundOf(late.prepare(await late.ask(), VALUE)));
    await isTurnedAway(late, 1);
  });

  test('a contract is looked at for ten units; without them the node is not asked, and nothing is broadcast', async () => {
    const { world, wait } = await metered(CHANNEL + 2);
    await world.connect().open(VALUE);
    const payer = world.connect();
    const channel = payer.prepare(await payer.ask(), VALUE);
    const before = world.regtest.mempool();
    await payer.say(payer.contractOf(channel));
    await isTurnedAway(payer, 10);
    assert.deepEqual(world.regtest.mempool(), before);
    assert.equal((await world.channels()).length, 1);
    wait(CHANNEL);
    await world.connect().open(VALUE);
  });

  test('payments that are taken cost nothing, however many', async () => {
    const { world, drain } = await metered(CHANNEL);
    const payer = world.connect();
    const channel = await payer.open(VALUE);
    for (let i = 0n; i < 50n; i++) await payer.pay(channel, DOGE + i);
    await payer.pay(channel, DOGE + 49n);
    assert.equal(drain(), 0);
    assert.ok(await payer.settle());
  });

  const refused: Readonly<Record<string, (payer: BitcoinjPayer, channel: PayerChannel) => ReturnType<typeof payer.update>>> = {
    'wrongly signed': (payer, channel) => wrong(payer, channel, 2n * DOGE),
    unreadable: (payer, channel) => ({ ...payer.update(channel, DOGE), change: amount(VALUE + 1n) }),
    'of a lower total': (payer, channel) => payer.update(channel, DOGE - 1n),
    'of a lower total, by somebody else': (payer, channel) => wrong(payer, channel, DOGE - 10n),
  };
  for (const [name, make] of Object.entries(refused)) {
    test(`a payment that is ${name} costs two units, and going on with the channel two`, async () => {
      const { world } = await metered(CHANNEL + 4);
      const payer = world.connect(1);
      const channel = await payer.open(VALUE);
      await payer.pay(channel, DOGE);
      await payer.say(make(payer, channel));
      await payer.hearsError('BAD_TRANSACTION');
      await world.connect(1).resume(channel);
      const late = world.connect(1);
      await late.say({ kind: 'client-version', major: 2, minor: 0, previous: channel.txid });
      await isTurnedAway(late, 2);
    });
  }

  test('what a refused payment cost above what was there is owed', async () => {
    const { world, wait } = await metered(CHANNEL + 2);
    const first = world.connect(1);
    const channel = await first.open(VALUE);
    const guest = world.connect(2);
    await guest.resume(channel);
    await guest.say(wrong(guest, channel, 2n * DOGE));
    await guest.hearsError('BAD_TRANSACTION');
    const late = world.connect(2);
    await late.say({ kind: 'client-version', major: 2, minor: 0, previous: channel.txid });
    await isTurnedAway(late, 4);
    await first.pay(channel, DOGE);
    wait(4);
    await world.connect(1).resume(channel);
  });

  test('a contract that was stopped half-way is gone on with for as much as it cost to show it', async () => {
    const { world, drain, wait } = await metered(CHANNEL);
    const payer = world.connect(1);
    const channel = payer.prepare(await payer.ask(), VALUE);
    world.node.begin({ fault: 'down', calls: ['broadcast'] });
    await payer.say(payer.contractOf(channel));
    await payer.hearsError('OTHER');
    world.node.heal();
    wait(9);
    const early = world.connect(1);
    await early.say({ kind: 'client-version', major: 2, minor: 0, previous: channel.txid });
    await isTurnedAway(early, 1);
    assert.deepEqual(world.regtest.mempool(), []);
    wait(1);
    await world.connect(1).resume(channel);
    assert.equal(drain(), 0);
  });
});
