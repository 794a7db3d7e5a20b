import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { left, opened, VALUE } from '../../../test/world/bitcoinj-channel.ts';
import type { BitcoinjPayer, PayerChannel } from '../../../test/world/bitcoinj-payer.ts';
import type { BitcoinjWorld } from '../../../test/world/bitcoinj-world.ts';
import { highS } from '../../../test/world/high-s.ts';
import { amount } from '../../core/base/amount.ts';
import { prove } from '../../core/message/bitcoinj/proof.ts';
import { decodeSignature } from '../../core/tx/sign.ts';
import { transactionId } from '../../core/tx/transaction.ts';

const DOGE = 100_000_000n;
const ORDER_OF_INFO = 64;

function numbered(i: number): Uint8Array {
  return Uint8Array.of(i);
}

describe('payments', () => {
  test('testSimpleChannel: each is told the application, which answers the client', async () => {
    const { world, payer, channel } = await opened({ answer: async ({ info }) => info && Uint8Array.of(0xa0, ...info) });
    assert.deepEqual(await payer.pay(channel, DOGE, numbered(7)), Uint8Array.of(0xa0, 7));
    assert.equal(await payer.pay(channel, 3n * DOGE), undefined);
    const settlement = await payer.settle();
    assert.deepEqual(
      world.told.filter(({ kind }) => kind !== 'closed'),
      [{ kind: 'opened' }, { kind: 'paid', by: DOGE, total: DOGE, info: numbered(7) }, { kind: 'paid', by: 2n * DOGE, total: 3n * DOGE }],
    );
    assert.ok(settlement);
    assert.deepEqual(world.told.at(-1), { kind: 'closed', settlement });
    assert.equal(settlement.outputs[0]?.value, 7n * DOGE);
    assert.ok(world.regtest.mempool().includes(transactionId(settlement)));
    assert.equal((await world.single()).kind, 'closing');
  });

  test('equal to the best total: acknowledged, and the application is not told', async () => {
    const { world, payer, channel } = await opened();
    await payer.pay(channel, DOGE);
    await payer.pay(channel, DOGE);
    assert.equal(world.told.filter(({ kind }) => kind === 'paid').length, 1);
  });

  test('too small for a close: acknowledged, and part of the next that is not', async () => {
    const { world, payer, channel } = await opened();
    for (const total of [2_000n, 3_000n, 3_000n, 500_000n]) await payer.pay(channel, total);
    assert.equal((await world.single()).best, undefined);
    await payer.pay(channel, DOGE);
    assert.deepEqual(world.told, [{ kind: 'opened' }, { kind: 'paid', by: DOGE, total: DOGE }]);
  });

  test('of the whole channel: acknowledged, then CLOSE with the settlement', async () => {
    const { world, payer, channel } = await opened();
    await payer.pay(channel, VALUE);
    const settlement = await payer.hearsClose();
    assert.equal(settlement?.outputs.length, 1);
    await world.mine(1);
    assert.equal(world.regtest.transaction(transactionId(settlement ?? assert.fail()))?.depth, 1);
  });

  const refused: Readonly<
    Record<string, (channel: PayerChannel, payer: Awaited<ReturnType<BitcoinjWorld['connect']>>) => ReturnType<typeof payer.update>>
  > = {
    'rollback: a lower total': (channel, payer) => payer.update(channel, DOGE - 1n),
    'over-refund: more change than there is': (channel, payer) => ({ ...payer.update(channel, DOGE), change: amount(VALUE + 1n) }),
    'change that is dust': (channel, payer) => payer.update(channel, VALUE - 999_999n),
    'a signature over another total': (channel, payer) => ({ ...payer.update(channel, 2n * DOGE), change: amount(VALUE - 3n * DOGE) }),
    'a signature for equal total by nobody': (channel, payer) => ({ ...payer.update(channel, 2n * DOGE), change: amount(VALUE - DOGE) }),
    'flags for nothing left where something is': (channel, payer) => {
      const update = payer.update(channel, 2n * DOGE);
      return { ...update, signature: Uint8Array.of(...update.signature.subarray(0, -1), 0x82) };
    },
    'flags for everything': (channel, payer) => {
      const update = payer.update(channel, 2n * DOGE);
      return { ...update, signature: Uint8Array.of(...update.signature.subarray(0, -1), 0x01) };
    },
    'a corrupt signature': (channel, payer) => {
      const update = payer.update(channel, 2n * DOGE);
      return { ...update, signature: update.signature.map((byte, i) => (i === 20 ? byte ^ 1 : byte)) };
    },
    'no signature': (channel, payer) => ({ ...payer.update(channel, 2n * DOGE), signature: new Uint8Array() }),
  };
  for (const [name, make] of Object.entries(refused)) {
    test(`checkBadData: ${name}: an error, and the best payment stays`, async () => {
      const { world, payer, channel } = await opened();
      await payer.pay(channel, DOGE);
      const before = await world.single();
      await payer.say(make(channel, payer));
      const explanation = await payer.hearsError('BAD_TRANSACTION');
      const [signature = new Uint8Array()] = before.best?.signatures ?? [];
      assert.ok(!explanation.includes(Buffer.from(signature).toString('hex')));
      assert.deepEqual(await world.single(), before);
      const again = world.connect(1);
      await again.resume(channel);
      await again.pay(channel, 2n * DOGE);
    });
  }

  test('the application’s refusal is told, and the payment counts all the same', async () => {
    const { world, payer, channel } = await opened({
      answer: ({ info }) => (info === undefined ? Promise.reject(new Error('no')) : Promise.resolve(info)),
    });
    await payer.pay(channel, DOGE, numbered(1));
    await payer.say(payer.update(channel, 2n * DOGE));
    await payer.hearsError('OTHER');
    assert.equal((await world.single()).best?.total, 2n * DOGE);
    const again = world.connect(1);
    await again.resume(channel);
    await again.pay(channel, 3n * DOGE, numbered(2));
    assert.deepEqual(world.told.at(-1), { kind: 'paid', by: DOGE, total: 3n * DOGE, info: numbered(2) });
    assert.deepEqual(world.faults, []);
  });

  test('with a high s: taken, and the settlement is one that nodes relay', async () => {
    const { world, payer, channel } = await opened();
    const update = payer.update(channel, DOGE);
    const high = highS(update.signature);
    assert.equal(decodeSignature(high), 'high-s');
    await payer.say({ ...update, signature: high });
    await payer.hears('payment-ack');
    const settlement = await payer.settle();
    await world.mine(1);
    assert.equal(world.regtest.transaction(transactionId(settlement ?? assert.fail()))?.depth, 1);
  });
});

describe('payments that are on the line together', () => {
  test('are acknowledged one by one and in order, each with its own answer', async () => {
    const { world, payer, channel } = await opened({ answer: async ({ info }) => info });
    const all = Array.from({ length: ORDER_OF_INFO }, (_, i) => i + 1);
    await payer.say(...all.map((i) => payer.update(channel, (BigInt(i) * DOGE) / 10n, numbered(i))));
    for (const i of all) assert.deepEqual((await payer.hears('payment-ack')).info, numbered(i));
    assert.deepEqual(
      world.told.slice(1),
      all.map((i) => ({ kind: 'paid', by: DOGE / 10n, total: (BigInt(i) * DOGE) / 10n, info: numbered(i) })),
    );
    assert.equal((await world.single()).best?.total, (64n * DOGE) / 10n);
  });

  test('cost few commits', async () => {
    let commits = 0;
    const { payer, channel } = await opened({
      store: (disk) => ({
        ...disk,
        commit: (writes) => {
          commits++;
          return disk.commit(writes);
        },
      }),
    });
    commits = 0;
    await payer.say(...Array.from({ length: 64 }, (_, i) => payer.update(channel, DOGE + BigInt(i))));
    for (let i = 0; i < 64; i++) await payer.hears('payment-ack');
    assert.ok(commits <= 3, `${commits} commits`);
    await payer.pay(channel, 2n * DOGE);
    assert.ok(commits <= 4);
  });

  test('one that falls below those before it: those are acknowledged, then an error, and nothing behind it is looked at', async () => {
    const { world, payer, channel } = await opened();
    const totals = [1n, 2n, 3n, 2n, 4n].map((n) => n * DOGE);
    await payer.say(...totals.map((total) => payer.update(channel, total)));
    for (let i = 0; i < 3; i++) await payer.hears('payment-ack');
    await payer.hearsError('BAD_TRANSACTION');
    assert.equal((await world.single()).best?.total, 3n * DOGE);
    assert.equal(world.told.filter(({ kind }) => kind === 'paid').length, 3);
  });

  test('the last wrongly signed: those before it count, and it alone is refused', async () => {
    const { world, payer, channel } = await opened();
    const wrong = { ...payer.update(channel, 5n * DOGE), change: amount(VALUE - 4n * DOGE) };
    await payer.say(...[1n, 2n, 3n].map((n) => payer.update(channel, n * DOGE)), wrong);
    for (let i = 0; i < 3; i++) await payer.hears('payment-ack');
    await payer.hearsError('BAD_TRANSACTION');
    assert.equal((await world.single()).best?.total, 3n * DOGE);
  });

  test('what is acknowledged is covered by a good signature, whoever wrote one of the others wrongly', async () => {
    const { world, payer, channel } = await opened();
    const wrong = { ...payer.update(channel, 5n * DOGE), change: amount(VALUE - 2n * DOGE) };
    await payer.say(payer.update(channel, DOGE), wrong, payer.update(channel, 3n * DOGE));
    let acknowledged = 0n;
    for (const total of [1n, 2n, 3n]) {
      if ((await payer.hear())?.kind !== 'payment-ack') break;
      acknowledged = total * DOGE;
    }
    const best = (await world.single()).best?.total ?? 0n;
    assert.ok(acknowledged > 0n && best >= acknowledged);
    const told = world.told.reduce((sum, event) => (event.kind === 'paid' ? sum + event.by : sum), 0n);
    assert.equal(told, best);
  });

  test('one that the application refuses: it hears of the others all the same, for they count', async () => {
    const { world, payer, channel } = await opened({
      answer: ({ info }) => (info?.[0] === 2 ? Promise.reject(new Error('no')) : Promise.resolve(info)),
    });
    await payer.say(...[1, 2, 3].map((n) => payer.update(channel, BigInt(n) * DOGE, numbered(n))));
    await payer.hears('payment-ack');
    await payer.hearsError('OTHER');
    await payer.served;
    const told = world.told.reduce((sum, event) => (event.kind === 'paid' ? sum + event.by : sum), 0n);
    assert.equal(told, (await world.single()).best?.total);
  });

  test('then CLOSE: all are acknowledged, and the settlement pays the last', async () => {
    const { payer, channel } = await opened();
    await payer.say(payer.update(channel, DOGE), payer.update(channel, 4n * DOGE), { kind: 'close' });
    await payer.hears('payment-ack');
    await payer.hears('payment-ack');
    assert.equal((await payer.hearsClose())?.outputs[0]?.value, 6n * DOGE);
  });

  test('a line that breaks: what was stored is told the application, acknowledged or not', async () => {
    const { world, payer, channel } = await opened();
    await payer.say(...[1n, 2n, 3n].map((n) => payer.update(channel, n * DOGE)));
    payer.cut();
    await payer.served;
    const told = world.told.reduce((sum, event) => (event.kind === 'paid' ? sum + event.by : sum), 0n);
    assert.equal(told, (await world.single()).best?.total ?? 0n);
    assert.deepEqual(world.faults, []);
  });
});

describe('testChannelResume: going on with a channel', () => {
  test('CHANNEL_OPEN at once, and the next payment counts from the last', async () => {
    const { world, channel } = await left(DOGE);
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, 3n * DOGE);
    assert.deepEqual(world.told, [{ kind: 'opened' }, { kind: 'paid', by: 2n * DOGE, total: 3n * DOGE }]);
  });

  test('also after the merchant has started again', async () => {
    const { world, channel } = await left(DOGE);
    await world.restart();
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, 3n * DOGE);
    assert.equal((await payer.settle())?.outputs[0]?.value, 7n * DOGE);
  });

  test('a lost payment is part of the next one', async () => {
    const { world, channel } = await left(0n);
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, 5n * DOGE);
    assert.deepEqual(world.told.at(-1), { kind: 'paid', by: 5n * DOGE, total: 5n * DOGE });
  });

  test('a channel that is being closed, or has ended, is not gone on with', async () => {
    const { world, channel } = await left(DOGE);
    await world.payee.close((await world.single()).channel);
    const closing = world.connect(1);
    await closing.greet({ previous: channel.txid });
    await closing.hears('initiate');
    await world.mine(world.coin.channel.buried + 1);
    assert.equal((await world.single()).kind, 'ended');
    const ended = world.connect(1);
    await ended.greet({ previous: channel.txid });
    await ended.hears('initiate');
  });

  test('nor one that is too near its expiry, before the merchant has read that in the chain', async () => {
    const { world, channel } = await left(DOGE);
    world.turnTo(channel.expiry - 7_501);
    await world.look();
    await world.connect(1).resume(channel);
    world.turnTo(channel.expiry - 7_500);
    const late = world.connect(1);
    await late.greet({ previous: channel.txid });
    await late.hears('initiate');
  });
});

test('who has made no payment on this connection settles by a proof of the channel’s key, made for this connection', async () => {
  const { world, channel } = await left(DOGE);
  const greeted = async (key: number): Promise<{ readonly client: BitcoinjPayer; readonly nonce: Uint8Array }> => {
    const client = world.connect(key);
    await client.say({ kind: 'client-version', major: 2, minor: 0, previous: channel.txid });
    const { nonce } = await client.hears('server-version');
    await client.hears('channel-open');
    return { client, nonce: nonce ?? assert.fail('no nonce') };
  };
  const other = await greeted(1);
  const { client: stranger, nonce: strangers } = await greeted(2);
  const { client: late, nonce } = await greeted(1);
  const wrong: readonly (readonly [BitcoinjPayer, Uint8Array])[] = [
    [stranger, prove(strangers, channel.txid, stranger.signer)],
    [late, prove(other.nonce, channel.txid, late.signer)],
  ];
  assert.notDeepEqual(nonce, other.nonce);
  for (const [client, proof] of wrong) {
    await client.say({ kind: 'close', proof });
    assert.equal(await client.hearsClose(), undefined);
  }
  assert.equal((await world.single()).kind, 'open');
  await other.client.say({ kind: 'close', proof: prove(other.nonce, channel.txid, other.client.signer) });
  assert.ok((await other.client.hearsClose()) !== undefined);
  assert.equal((await world.single()).kind, 'closing');
});

test('a payer that was set back is shown the best payment, for its own signature over less; nobody else is', async () => {
  const { world, channel } = await left(3n * DOGE);
  const payer = world.connect(1);
  await payer.resume(channel);
  await payer.say(payer.update(channel, DOGE));
  const { code, best } = await payer.hears('error');
  assert.deepEqual([code, best], ['BAD_TRANSACTION', payer.signed(channel, 3n * DOGE)]);
  const stranger = world.connect(2);
  await stranger.resume(channel);
  await stranger.say(stranger.update(channel, DOGE));
  const refused = await stranger.hears('error');
  assert.deepEqual([refused.code, refused.best], ['BAD_TRANSACTION', undefined]);
  assert.doesNotMatch(refused.explanation ?? '', /\d{6}/);
});

describe('a guest, who knows the contract’s id and no key', () => {
  test('can’t settle the channel', async () => {
    const { world, channel } = await left(DOGE);
    const guest = world.connect(2);
    await guest.resume(channel);
    assert.equal(await guest.settle(), undefined);
    assert.equal((await world.single()).kind, 'open');
    assert.deepEqual(world.told, []);
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, 2n * DOGE);
    assert.ok(await payer.settle(), 'the control: who has the key can');
  });

  test('can’t send the payer away', async () => {
    const { world, channel } = await left(DOGE);
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, 2n * DOGE);
    const guest = world.connect(2);
    await guest.resume(channel);
    for (const total of [2_000n, DOGE, 2n * DOGE, 3n * DOGE]) {
      const again = world.connect(2);
      await again.resume(channel);
      await again.say(again.update(channel, total));
      const explanation = await again.hearsError('BAD_TRANSACTION');
      assert.doesNotMatch(explanation, /200000000/, 'what has been paid is the payer’s affair');
    }
    await payer.pay(channel, 3n * DOGE);
    await guest.hangUp();
    await payer.pay(channel, 4n * DOGE);
  });

  test('can’t do either in a channel that has not paid enough for a close', async () => {
    const { world, channel } = await left(0n);
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, 2_000n);
    const guest = world.connect(2);
    await guest.resume(channel);
    await guest.say(guest.update(channel, 3_000n));
    await guest.hearsError('BAD_TRANSACTION');
    await payer.pay(channel, 2n * DOGE);
  });

  test('a payment takes over, and who was there gets CLOSE and can come back', async () => {
    const { world, channel } = await left(DOGE);
    const [first, second] = [world.connect(1), world.connect(1)];
    await first.resume(channel);
    await first.pay(channel, 2n * DOGE);
    await second.resume(channel);
    await second.pay(channel, 3n * DOGE);
    assert.equal(await first.hearsClose(), undefined);
    await first.served;
    await second.pay(channel, 4n * DOGE);
    assert.deepEqual(
      world.told.map(({ kind }) => kind),
      ['opened', 'paid', 'closed', 'opened', 'paid', 'paid'],
    );
    const third = world.connect(1);
    await third.resume(channel);
    await third.pay(channel, 5n * DOGE);
    assert.equal(await second.hearsClose(), undefined);
  });

  test('the same payment again shows the key: then CLOSE settles', async () => {
    const { world, channel } = await left(DOGE);
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, DOGE);
    assert.ok(await payer.settle());
  });
});

describe('the merchant’s own close', () => {
  test('reaches whoever is connected, with the settlement', async () => {
    const { world, channel } = await left(DOGE);
    const [payer, guest] = [world.connect(1), world.connect(2)];
    await payer.resume(channel);
    await payer.pay(channel, 2n * DOGE);
    await guest.resume(channel);
    await world.payee.close((await world.single()).channel);
    const settlement = await payer.hearsClose();
    assert.equal(settlement?.outputs[0]?.value, 8n * DOGE);
    assert.deepEqual(await guest.hearsClose(), settlement);
    assert.deepEqual(world.told.at(-1), { kind: 'closed', settlement });
  });

  test('comes by itself at the margin', async () => {
    const { world, channel } = await left(DOGE);
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, 2n * DOGE);
    world.turnTo(channel.expiry - 7_501);
    await world.look();
    await payer.pay(channel, 3n * DOGE);
    world.turnTo(channel.expiry - 7_500);
    await world.look();
    const settlement = await payer.hearsClose();
    assert.equal(settlement?.outputs[0]?.value, 7n * DOGE);
    await world.mine(1);
    assert.equal(world.regtest.transaction(transactionId(settlement ?? assert.fail()))?.depth, 1);
  });

  test('a payment inside the margin, before that: CLOSE, and it does not count', async () => {
    const { world, channel } = await left(DOGE);
    const payer = world.connect(1);
    await payer.resume(channel);
    await payer.pay(channel, 2n * DOGE);
    world.turnTo(channel.expiry - 7_501);
    await world.look();
    world.turnTo(channel.expiry - 7_500);
    await payer.say(payer.update(channel, 3n * DOGE));
    assert.equal(await payer.hearsClose(), undefined);
    assert.equal((await world.single()).best?.total, 2n * DOGE);
  });
});
