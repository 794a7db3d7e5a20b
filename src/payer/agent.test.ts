import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { codeOf } from '../../test/world/channel-world.ts';
import { assertRefused, must } from '../../test/world/sample.ts';
import { TwoDisks } from '../../test/world/two-disks.ts';
import { type Amount, amount, ZERO } from '../core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../core/base/bytes.ts';
import { after } from '../core/base/height.ts';
import { isRefusal, refuse } from '../core/base/refusal.ts';
import { dogecoin } from '../core/coin/dogecoin.ts';
import type { Invoice } from '../core/message/message.ts';
import type { Connection } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import type { Exchange } from './request.ts';

const { verify } = await fastestVerifier();

describe('what is paid ahead', () => {
  test('is credit on both sides, and later purchases use it up', async () => {
    const world = await TwoDisks.open({ verify });
    const { price } = world;
    const channel = await world.opened();
    must(await world.agent.pay(channel, { amount: amount(price * 3n) }, world.payee));
    const spent = async (): Promise<readonly bigint[]> => [
      (await world.payerState(channel)).spent,
      (await world.payeeState(channel)).spent,
      (await world.payeeState(channel)).best?.total ?? 0n,
    ];
    assert.deepEqual(await spent(), [0n, 0n, 3n * price]);
    // A payment must add something: one unit, which is credit again.
    for (const bought of [1n, 2n]) {
      await world.buy(channel);
      assert.deepEqual(await spent(), [bought * price, bought * price, 3n * price + bought]);
    }
    await world.buy(channel);
    await world.buy(channel);
    assert.deepEqual(await spent(), [4n * price, 4n * price, 4n * price], 'what was paid in all is what was bought in all');
  });

  test('is paid once when no answer came and the same is asked for again; another amount is another payment', async () => {
    const world = await TwoDisks.open({ verify });
    const channel = await world.opened();
    const deaf = { exchange: async () => Promise.reject(new Error('cut off')) };
    await assert.rejects(world.agent.pay(channel, { amount: world.price }, deaf), /cut off/);
    must(await world.agent.pay(channel, { amount: world.price }, world.payee));
    assert.equal((await world.payeeState(channel)).best?.total, world.price);
    await assert.rejects(world.agent.pay(channel, { amount: world.price }, deaf), /cut off/);
    must(await world.agent.pay(channel, { amount: amount(world.price * 2n) }, world.payee));
    assert.equal((await world.payeeState(channel)).best?.total, world.price * 4n);
  });

  test('twice at once is two payments, though they are alike', async () => {
    const world = await TwoDisks.open({ verify });
    const channel = await world.opened();
    const twice = [1, 2].map(() => world.agent.pay(channel, { amount: world.price }, world.payee));
    const totals = (await Promise.all(twice)).map((paid) => must(paid).state.best?.total);
    assert.deepEqual(totals, [world.price, 2n * world.price]);
  });
});

test('a payee that takes a payment, refuses it and says that it was set back is not paid for the same thing again', async () => {
  const world = await TwoDisks.open({ verify });
  const channel = await world.opened();
  await world.buy(channel);
  const before = (await world.payerState(channel)).signed;
  const liar: Connection = {
    exchange: async (request, psbt) => {
      const reply = await world.payee.exchange(request, psbt);
      if (reply.kind === 'receipt') return refuse('total-lower');
      if (reply.kind !== 'state' || reply.best === undefined) return reply;
      // As if set back; the payment that the payer then hands over is refused with the truth.
      return { ...reply, best: { total: amount(1n), signatures: [] } };
    },
  };
  const invoice = must(await world.agent.invoice(channel, 'tea', liar));
  assert.ok(isRefusal(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, liar)));
  assert.equal((await world.payerState(channel)).signed, before + world.price);
});

describe('a purchase whose answer was lost, asked for again', () => {
  /** Takes what is sent, and loses the answers to payments. */
  const losing = (world: TwoDisks): Connection => ({
    exchange: async (request, psbt) => {
      const reply = await world.payee.exchange(request, psbt);
      return request.kind === 'payment' ? Promise.reject(new Error('cut off')) : reply;
    },
  });
  /** Sends nothing on that is a payment. */
  const deaf = (world: TwoDisks): Connection => ({
    exchange: async (request, psbt) =>
      request.kind === 'payment' ? Promise.reject(new Error('cut off')) : world.payee.exchange(request, psbt),
  });
  const sums = async (world: TwoDisks, channel: ChannelId): Promise<readonly (bigint | undefined)[]> => {
    const [payer, payee] = [await world.payerState(channel), await world.payeeState(channel)];
    return [payer.signed, payer.best?.total, payer.spent, payee.best?.total, payee.spent];
  };

  for (const [name, wire] of [['arrived', losing] as const, ['never arrived', deaf] as const]) {
    test(`is bought once, at the price that was agreed to then, where the payment ${name}`, async () => {
      const world = await TwoDisks.open({ verify });
      const channel = await world.opened();
      const agree = async ({ amount: price }: Invoice): Promise<Amount> => price;
      await assert.rejects(world.agent.buy(channel, 'tea', agree, wire(world)), /cut off/);
      await world.start('payer', world.copy('payer'));
      const { reply } = must(await world.agent.buy(channel, 'tea', () => assert.fail('nothing new is agreed to'), world.payee));
      assert.equal(reply.kind, 'receipt');
      assert.deepEqual(await sums(world, channel), Array(5).fill(world.price));
      must(await world.agent.buy(channel, 'tea', agree, world.payee));
      assert.deepEqual(await sums(world, channel), Array(5).fill(2n * world.price), 'an answered one is bought again');
    });

    test(`is bought once by whoever asks for invoices himself, where the payment ${name}`, async () => {
      const world = await TwoDisks.open({ verify });
      const channel = await world.opened();
      const buy = async (payee: Connection): Promise<Exchange> => {
        const invoice = must(await world.agent.invoice(channel, 'tea', payee));
        return must(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, payee));
      };
      await assert.rejects(buy(wire(world)), /cut off/);
      assert.equal((await buy(world.payee)).reply.kind, 'receipt');
      assert.deepEqual(await sums(world, channel), Array(5).fill(world.price));
    });
  }

  test('is not bought again of a payee that holds the payment and refuses it', async () => {
    const world = await TwoDisks.open({ verify });
    const channel = await world.opened();
    const agree = async ({ amount: price }: Invoice): Promise<Amount> => price;
    await assert.rejects(world.agent.buy(channel, 'tea', agree, losing(world)), /cut off/);
    const { best } = await world.payeeState(channel);
    const signatures = best?.signatures.map((one) => bytesToHex(one)).join(',') ?? '';
    const liar: Connection = {
      exchange: async (request, psbt) =>
        request.kind === 'payment' ? refuse('total-lower', { best: best?.total ?? 0n, signatures }) : world.payee.exchange(request, psbt),
    };
    assertRefused(await world.agent.buy(channel, 'tea', () => assert.fail('nothing new is agreed to'), liar), 'total-lower');
    assert.equal((await world.payerState(channel)).signed, world.price);
  });

  test('is bought once where the payee had no time for it when it was asked again', async () => {
    for (const wire of [losing, deaf]) {
      const world = await TwoDisks.open({ verify });
      const channel = await world.opened();
      const agree = async ({ amount: price }: Invoice): Promise<Amount> => price;
      await assert.rejects(world.agent.buy(channel, 'tea', agree, wire(world)), /cut off/);
      const crowded: Connection = {
        exchange: async (request, psbt) =>
          request.kind === 'payment' ? refuse('too-many', { seconds: 5 }) : world.payee.exchange(request, psbt),
      };
      const none = (): never => assert.fail('nothing new is agreed to');
      assertRefused(await world.agent.buy(channel, 'tea', none, crowded), 'too-many');
      assert.equal(must(await world.agent.buy(channel, 'tea', none, world.payee)).reply.kind, 'receipt');
      assert.deepEqual(await sums(world, channel), Array(5).fill(world.price));
    }
  });

  test('is given up by whoever had no time for it at first: the next thing is bought alone', async () => {
    const world = await TwoDisks.open({ verify });
    const channel = await world.opened();
    const crowded: Connection = {
      exchange: async (request, psbt) => (request.kind === 'payment' ? refuse('too-many') : world.payee.exchange(request, psbt)),
    };
    assertRefused(await world.agent.pay(channel, { amount: amount(world.price * 2n) }, crowded), 'too-many');
    await world.buy(channel);
    assert.deepEqual((await sums(world, channel)).slice(1), Array(4).fill(world.price));
  });

  test('does not stand for another item', async () => {
    const world = await TwoDisks.open({ verify });
    const channel = await world.opened();
    const agree = async ({ amount: price }: Invoice): Promise<Amount> => price;
    await assert.rejects(world.agent.buy(channel, 'tea', agree, losing(world)), /cut off/);
    const coffee: Connection = {
      exchange: async (request, psbt) => {
        const asked = request.kind === 'invoice-request' ? { ...request, item: 'tea' } : request;
        const reply = await world.payee.exchange(asked, psbt);
        return reply.kind === 'invoice' ? { ...reply, item: 'coffee' } : reply;
      },
    };
    must(await world.agent.buy(channel, 'coffee', agree, coffee));
    assert.deepEqual(await sums(world, channel), Array(5).fill(2n * world.price));
  });
});

test('what is paid ahead is paid once where the total had to be more, and its answer was lost', async () => {
  const world = await TwoDisks.open({ verify });
  const channel = await world.opened();
  const least = amount(world.price + 1n);
  // As while fees are high: the first try is refused, and the answer to the second is lost.
  let asked = 0;
  const dear: Connection = {
    exchange: async (request, psbt) => {
      if (request.kind !== 'payment') return world.payee.exchange(request, psbt);
      if (asked++ === 0) return refuse('total-too-small', { least });
      await world.payee.exchange(request, psbt);
      throw new Error('cut off');
    },
  };
  await assert.rejects(world.agent.pay(channel, { amount: world.price }, dear), /cut off/);
  const total = (await world.payeeState(channel)).best?.total;
  assert.equal(total, least);
  must(await world.agent.pay(channel, { amount: world.price }, world.payee));
  assert.equal((await world.payeeState(channel)).best?.total, least);
});

test('an invoice for more than the payer agreed to is refused as data, and nothing is signed or sent', async () => {
  const world = await TwoDisks.open({ verify });
  const channel = await world.opened();
  const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
  const before = await world.payerState(channel);
  const silent: Connection = { exchange: () => assert.fail('nothing is to be said') };
  for (const most of [ZERO, amount(world.price - 1n)]) {
    const refusal = await world.agent.pay(channel, { ...invoice, most }, silent);
    assertRefused(refusal, 'price-too-high');
    assert.deepEqual(refusal.detail, { price: String(world.price), most: String(most) });
    assert.deepEqual(await world.payerState(channel), before);
  }
  must(await world.agent.pay(channel, { ...invoice, most: world.price }, world.payee));
});

test('two deposits at once to one channel: each is made or given up whole, and the wallet lacks no more than what the channel has', async () => {
  const world = await TwoDisks.open({ verify });
  const channel = await world.opened();
  const value = amount(world.price * 20n);
  // The payee takes one and is out of reach for the other.
  let asked = 0;
  const moody: Connection = {
    exchange: async (request, psbt) => {
      if (request.kind === 'announce' && asked++ === 0) throw new Error('cut off');
      return world.payee.exchange(request, psbt);
    },
  };
  const results = await Promise.allSettled([world.agent.fund(channel, value, moody), world.agent.fund(channel, value, moody)]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const state = await world.payerState(channel);
  assert.deepEqual(
    state.offered.map((deposit) => deposit.value),
    [value],
  );
  const reserved = (await world.wallet.transactions()).filter(({ stage }) => stage.kind === 'reserved');
  assert.deepEqual(reserved, []);
});

test('an offer of another coin makes no channel', async () => {
  const world = await TwoDisks.open({ verify });
  const offer = must(await world.payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') assert.fail(offer.kind);
  const expiry = after(offer.minExpiry, 10);
  const script = await world.freshScript();
  assert.equal(codeOf(await world.agent.plan({ ...offer, coin: dogecoin }, expiry, script)), 'coin-mismatch');
  assert.equal(must(await world.agent.plan(offer, expiry, script)).kind, 'planned');
});

test('what was reserved for a deposit that no channel knows of goes back to the wallet; what a channel waits for stays', async () => {
  const world = await TwoDisks.open({ verify });
  const offer = must(await world.payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') assert.fail(offer.kind);
  const { channel } = must(await world.agent.plan(offer, after(offer.minExpiry, 10), await world.freshScript()));
  const before = await world.wallet.balance();
  // Cut off when the deposit is reserved and in the channel, and the announcement on its way.
  let disk = world.copy('payer');
  const cut = {
    exchange: async () => {
      disk = world.copy('payer');
      throw new Error('cut off');
    },
  };
  await assert.rejects(world.agent.fund(channel, world.deposit, cut), /cut off/);
  await world.start('payer', disk);
  const reserved = async (): Promise<readonly string[]> =>
    (await world.wallet.transactions()).filter(({ stage }) => stage.kind === 'reserved').map(({ txid }) => txid);
  const [txid] = (await world.payerState(channel)).offered.map(({ outpoint }) => outpoint.txid);
  await world.agent.tidy();
  assert.deepEqual(await reserved(), [txid]);
  // Cut off between the channel and the wallet, in either direction: only the wallet knows.
  must(await world.agent.engine.drive(channel, { kind: 'withdraw', txid: txid ?? assert.fail() }));
  await world.start('payer', world.copy('payer'));
  assert((await world.wallet.balance()).confirmed < before.confirmed);
  await world.agent.tidy();
  assert.deepEqual(await reserved(), []);
  assert.deepEqual(await world.wallet.balance(), before);
});

test('what was reserved for a deposit that was never broadcast goes back to the wallet when its channel has ended', async () => {
  for (const isTopUp of [false, true]) {
    const world = await TwoDisks.open({ verify });
    const channel = isTopUp ? await world.opened() : await planned(world);
    let disk = world.copy('payer');
    const cut = {
      exchange: async () => {
        disk = world.copy('payer');
        throw new Error('cut off');
      },
    };
    await assert.rejects(world.agent.fund(channel, world.deposit, cut), /cut off/);
    await world.start('payer', disk);
    const [reserved] = (await world.wallet.transactions()).filter(({ stage }) => stage.kind === 'reserved');
    assert.ok(reserved !== undefined);
    const { expiry } = (await world.payerState(channel)).terms;
    await world.mineBefore(expiry);
    const isReserved = async (): Promise<boolean> => {
      await world.agent.tidy();
      return (await world.wallet.transactions()).some(({ txid, stage }) => txid === reserved.txid && stage.kind === 'reserved');
    };
    assert.equal(await isReserved(), true);
    await world.mine(1);
    await world.mine(2 * world.coin.channel.buried);
    assert.equal((await world.payerState(channel)).kind, 'ended');
    assert.equal(await isReserved(), false);
    assert.equal(await world.chain.transaction(reserved.txid), undefined);
  }
});

async function planned(world: TwoDisks): Promise<ChannelId> {
  const offer = must(await world.payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') assert.fail(offer.kind);
  return must(await world.agent.plan(offer, after(offer.minExpiry, 10), await world.freshScript())).channel;
}
