import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { opened } from '../../../test/world/bitcoinj-channel.ts';
import type { BitcoinjPayer, PayerChannel } from '../../../test/world/bitcoinj-payer.ts';
import { BitcoinjWorld } from '../../../test/world/bitcoinj-world.ts';
import { keyNumber } from '../../../test/world/sample.ts';
import { amount } from '../../core/base/amount.ts';
import { txId } from '../../core/base/bytes.ts';
import type { BitcoinjMessage } from '../../core/message/bitcoinj/message.ts';

const DOGE = 100_000_000n;
const NOWHERE = txId('ee'.repeat(32));
const IDLE = 3_600_000;
const PATIENCE = 15_000;

const key = keyNumber(9).publicKey;
const bytes = Uint8Array.of(1, 2, 3);

/** Every kind of message, each with something readable in it. */
const messages: readonly BitcoinjMessage[] = [
  { kind: 'client-version', major: 2, minor: 0 },
  { kind: 'server-version', major: 2, minor: 0 },
  { kind: 'initiate', payeeKey: key, minCapacity: amount(1n), expiry: 1_700_000_000, minPayment: amount(1n) },
  { kind: 'provide-refund', payerKey: key, refund: bytes },
  { kind: 'return-refund', signature: bytes },
  { kind: 'provide-contract', contract: bytes, initial: { change: amount(1n), signature: bytes }, payerKey: key },
  { kind: 'channel-open' },
  { kind: 'update-payment', change: amount(1n), signature: bytes },
  { kind: 'close' },
  { kind: 'error', code: 'OTHER' },
  { kind: 'payment-ack' },
];

/** What a client has come to, and the messages that mean something there. */
const stages: readonly {
  readonly name: string;
  readonly reach: (payer: BitcoinjPayer, world: BitcoinjWorld) => Promise<void>;
  readonly fits: readonly BitcoinjMessage['kind'][];
}[] = [
  { name: 'before anything', reach: async () => undefined, fits: ['client-version', 'close', 'error'] },
  { name: 'with an offer', reach: async (payer) => void (await payer.ask()), fits: ['provide-contract', 'close', 'error'] },
  {
    name: 'waiting for CHANNEL_OPEN',
    reach: async (payer, world) => {
      await payer.say(payer.contractOf(payer.prepare(await payer.ask(), 10n * DOGE)));
      await world.timers.isSet(IDLE);
    },
    fits: ['close', 'error'],
  },
  { name: 'with an open channel', reach: async (payer) => void (await payer.open(10n * DOGE)), fits: ['update-payment', 'close', 'error'] },
  {
    name: 'as a guest',
    reach: async (payer, world) => {
      const other = world.connect();
      const channel = await other.open(10n * DOGE);
      await other.hangUp();
      await payer.resume(channel);
    },
    fits: ['update-payment', 'close', 'error'],
  },
];

function isWaiting(name: string): boolean {
  return name === 'waiting for CHANNEL_OPEN';
}

describe('testClientRandomMessage: whatever is said out of order', () => {
  for (const { name, reach, fits } of stages) {
    test(`${name}: an error, the end of the connection, and nothing else`, async () => {
      for (const message of messages.filter(({ kind }) => !fits.includes(kind))) {
        const world = await BitcoinjWorld.open(isWaiting(name) ? { terms: { unconfirmed: amount(0n) } } : {});
        const payer = world.connect();
        await reach(payer, world);
        const before = await world.channels();
        await payer.say(message);
        const explanation = await payer.hearsError('SYNTAX_ERROR');
        assert.match(explanation, new RegExp(message.kind));
        await payer.served;
        assert.deepEqual(await world.channels(), before);
        assert.deepEqual(world.faults, []);
      }
    });
  }

  test('bytes that are no message: an error at every stage', async () => {
    for (const { name, reach } of stages) {
      const world = await BitcoinjWorld.open(isWaiting(name) ? { terms: { unconfirmed: amount(0n) } } : {});
      const payer = world.connect();
      await reach(payer, world);
      await payer.sayBytes(Uint8Array.of(0xff, 0xff));
      await payer.hearsError('SYNTAX_ERROR');
      assert.deepEqual(world.faults, []);
    }
  });

  test('testServerErrorHandling_killSocketOnError: an ERROR, or a line that breaks, at every stage: nothing is said, and the channel stays as it was', async () => {
    const ways: readonly ((payer: BitcoinjPayer) => Promise<unknown>)[] = [
      async (payer) => payer.say({ kind: 'error', code: 'OTHER' }),
      async (payer) => payer.cut(),
    ];
    for (const { name, reach } of stages) {
      for (const way of ways) {
        const world = await BitcoinjWorld.open(isWaiting(name) ? { terms: { unconfirmed: amount(0n) } } : {});
        const payer = world.connect();
        await reach(payer, world);
        const before = await world.channels();
        await way(payer);
        await assert.doesNotReject(payer.hear().catch(() => undefined));
        await payer.served;
        assert.deepEqual(await world.channels(), before);
        assert.deepEqual(world.faults, []);
      }
    }
  });
});

describe('greeting', () => {
  test('testClientUnknownVersion: an error for any version but those spoken, and no word of a downgrade', async () => {
    const world = await BitcoinjWorld.open();
    for (const major of [0, 3, -1, 0x7fff_ffff]) {
      const payer = world.connect();
      await payer.say({ kind: 'client-version', major, minor: 0 });
      await payer.hearsError('NO_ACCEPTABLE_VERSION');
    }
    const payer = world.connect();
    await payer.say({ kind: 'client-version', major: 2, minor: 7 });
    assert.deepEqual(await payer.hears('server-version'), { kind: 'server-version', major: 2, minor: 0 });
  });

  test('testClientResumeNothing, testBadResumeHash: an unknown contract gets the terms of a new channel', async () => {
    const world = await BitcoinjWorld.open();
    const payer = world.connect();
    await payer.greet({ previous: NOWHERE });
    await payer.hears('initiate');
  });

  test('CLOSE before there is a contract only ends the connection', async () => {
    const world = await BitcoinjWorld.open();
    for (const say of [async () => undefined, async (payer: BitcoinjPayer) => void (await payer.ask())]) {
      const payer = world.connect();
      await say(payer);
      await payer.say({ kind: 'close' });
      assert.equal(await payer.hear(), undefined);
    }
  });

  test('every connection is offered a key of its own, and a thousand that only greet leave nothing behind', async () => {
    const world = await BitcoinjWorld.open();
    const stored = [...world.disk].map(([kind, records]) => [kind, records.size]);
    const keys = new Set<string>();
    for (let i = 0; i < 1_000; i++) {
      const payer = world.connect(1);
      keys.add(Buffer.from((await payer.ask()).payeeKey).toString('hex'));
      await payer.hangUp();
      await payer.served;
    }
    assert.equal(keys.size, 1_000);
    assert.deepEqual(
      [...world.disk].map(([kind, records]) => [kind, records.size]),
      stored,
    );
    assert.equal(world.timers.count(), 0);
    const payer = world.connect();
    await payer.open(10n * DOGE);
    assert.equal((await world.channels()).length, 1, 'the control: a channel is stored');
  });
});

describe('silence', () => {
  test('who does not greet, or makes no channel, is told so and let go', async () => {
    const world = await BitcoinjWorld.open();
    for (const reach of [async () => undefined, async (payer: BitcoinjPayer) => void (await payer.ask())]) {
      const payer = world.connect();
      await reach(payer);
      await world.timers.isSet(PATIENCE);
      world.timers.advance(PATIENCE - 1);
      const end = payer.hearsError('TIMEOUT');
      world.timers.advance(1);
      await end;
      await payer.served;
    }
  });

  test('an open channel is left open for an hour; then CLOSE, and it can be gone on with', async () => {
    const { world, payer, channel } = await opened();
    await world.timers.isSet(IDLE);
    world.timers.advance(IDLE - 1);
    await payer.pay(channel, DOGE);
    await world.timers.isSet(IDLE);
    world.timers.advance(IDLE - 1);
    const end = payer.hearsClose();
    world.timers.advance(1);
    assert.equal(await end, undefined);
    await payer.served;
    const again = world.connect(1);
    await again.resume(channel);
    await again.pay(channel, 2n * DOGE);
    assert.deepEqual(world.faults, []);
  });

  test('testServerErrorHandling_killSocketOnClose: a client that goes gets a CLOSE too, and the channel stays', async () => {
    const { world, payer, channel } = await opened();
    await payer.hangUp();
    await payer.served;
    assert.equal((await world.single()).kind, 'open');
    await world.connect(1).resume(channel satisfies PayerChannel);
  });
});
