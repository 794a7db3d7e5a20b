import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { type Amount, amount, feeFor } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import type { Deposit } from '../src/core/contract/contract.ts';
import { decodeTransaction, type Transaction } from '../src/core/tx/transaction.ts';
import type { Clock } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import type { Watched } from '../src/merchant/watchtower/file-format.ts';
import { WatchWriter } from '../src/merchant/watchtower/file-writer.ts';
import { type WatchFolder, watchFolder } from '../src/merchant/watchtower/folder.ts';
import { Watcher } from '../src/merchant/watchtower/watcher.ts';
import type { SidesOptions } from './world/channel-sides.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { lightChildren, type Pinned } from './world/pins.ts';
import { must } from './world/sample.ts';

const verifier = await fastestVerifier();

/** Purchases that one channel may have before its deposits are deep. */
const EACH = 10n;
const LIFE = 300;
const MINUTE = 60_000;

class Shop {
  readonly regtest: Regtest;
  readonly world: ChannelWorld;
  readonly #market: { rate: Amount };

  private constructor(regtest: Regtest, world: ChannelWorld, market: { rate: Amount }) {
    this.regtest = regtest;
    this.world = world;
    this.#market = market;
  }

  static async open(coin: Coin, books?: SidesOptions['books']): Promise<Shop> {
    const regtest = new Regtest({ coin, verify: verifier.verify });
    regtest.mine(1_360);
    const market = { rate: coin.policy.feeRate };
    const chain = { ...asChain(regtest), feeRate: async () => market.rate };
    const subject = embedded(regtest, verifier, { chain, mine: async (blocks) => void regtest.mine(blocks, { minFeeRate: market.rate }) });
    const unconfirmed = amount(coin.policy.dust * 2n * EACH);
    const world = await ChannelWorld.open(subject, {
      ...(books && { books }),
      terms: { unconfirmed },
      exposure: unconfirmed,
    });
    return new Shop(regtest, world, market);
  }

  /** Miners ask for so many times the coin's own rate from now on. */
  ask(factor: bigint): void {
    this.#market.rate = amount(this.world.coin.policy.feeRate * factor);
  }

  /** A channel whose first deposit is deep and wholly paid out, and that rests on a second one in no block for half of what is allowed. */
  async openPaid(): Promise<{ readonly channel: ChannelId; readonly deep: Deposit; readonly young: Deposit; readonly change: Pinned }> {
    const { world } = this;
    const { agent, payee, price, deposit } = world;
    const offer = await world.offer();
    const { channel } = must(await agent.plan(offer, await world.expiryIn(offer, LIFE), await world.freshScript()));
    must(await agent.fund(channel, deposit, payee));
    await world.mine(3);
    must(await agent.announce(channel, payee));
    await world.payUpTo(channel, deposit);
    must(await agent.fund(channel, amount(price * EACH * 10n), payee));
    this.ask(3n);
    must(await agent.announce(channel, payee));
    await world.payUpTo(channel, deposit + (price * EACH) / 2n);
    const { deposits } = await world.payeeState(channel);
    const [deep, young] = deposits;
    assert.ok(deep !== undefined && young !== undefined);
    return { channel, deep, young, change: await this.#changeOf(channel) };
  }

  async #changeOf(channel: ChannelId): Promise<Pinned> {
    const { wallet } = this.world;
    const transaction = decodeTransaction((await this.world.payer(channel)).funding.at(-1) ?? new Uint8Array()) ?? assert.fail();
    const vout = transaction.outputs.findIndex(({ script }) => wallet.keyOf(script) !== undefined);
    const owner = wallet.keyOf(transaction.outputs[vout]?.script ?? new Uint8Array()) ?? assert.fail('there is change');
    return { transaction, vout, owner };
  }

  /** Fills the family of what it is the change of, too cheaply to be mined. */
  async crowd(change: Pinned): Promise<void> {
    const { family, minRelayFeeRate } = this.world.coin.policy;
    for (const child of lightChildren(change, { count: family.count - 1, fee: feeFor(250, minRelayFeeRate) }))
      assert.deepEqual(await this.world.chain.broadcast(child), { kind: 'accepted' });
  }

  /** What took a deposit in a block. */
  takerOf({ outpoint }: Deposit): Transaction | undefined {
    for (let at: number = this.regtest.tip.height; at > 1_360; at--) {
      const met = this.regtest
        .block(at)
        ?.transactions.find(({ transaction }) =>
          transaction.inputs.some((input) => input.outpoint.txid === outpoint.txid && input.outpoint.vout === outpoint.vout),
        );
      if (met !== undefined) return met.transaction;
    }
    return undefined;
  }

  async mineTo(height: number): Promise<void> {
    while (this.regtest.tip.height < height) await this.world.mine(1);
  }
}

interface WatchedShop {
  readonly shop: Shop;
  readonly folder: WatchFolder;
  readonly clock: Clock & { time: number };
  /** What watchers of a channel are given now. */
  readonly watched: (channel: ChannelId) => Promise<Watched>;
}

async function watchedShop(t: TestContext, coin: Coin): Promise<WatchedShop> {
  const path = mkdtempSync(join(tmpdir(), 'pawment-unmined-'));
  t.after(() => rmSync(path, { recursive: true }));
  const folder = watchFolder(path);
  const clock = { time: 1_000_000 * MINUTE, now: () => clock.time };
  const writers: WatchWriter[] = [];
  const shop = await Shop.open(coin, (keys) => {
    writers.push(new WatchWriter({ coin, folder, keys, clock, onTrouble: (_, { kind }) => assert.fail(kind) }));
    return writers;
  });
  const watched = async (channel: ChannelId): Promise<Watched> => {
    clock.time += MINUTE;
    for (const writer of writers) await writer.run(shop.world.merchant.engine.get, await shop.world.chain.tip());
    const read = await folder.read(channel);
    return read === undefined || 'kind' in read ? assert.fail('no file') : read;
  };
  return { shop, folder, clock, watched };
}

/** Has a watcher look after every block. What it has ever cried out. */
function watching({ world }: Shop, watcher: Watcher): ReadonlySet<string> {
  const alarms = new Set<string>();
  world.watching.set('wallet', async () => {
    for (const { code } of (await watcher.poll()).alarms) alarms.add(code);
  });
  return alarms;
}

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`a top-up in no block, ${coin.id}`, () => {
    test('does not hold up the close of what is deep, whatever else hangs on it', async () => {
      const shop = await Shop.open(coin);
      const { world } = shop;
      const { channel, deep, change } = await shop.openPaid();
      await shop.crowd(change);
      for (const one of ['payer', 'wallet'] as const) world.watching.delete(one);
      await shop.mineTo((await world.payeeState(channel)).terms.expiry - 1);
      const close = shop.takerOf(deep);
      assert.ok(close !== undefined, 'closed before the expiry');
      assert.ok(world.paidTo(close, world.payeeScript) > (world.deposit * 9n) / 10n);
    });

    test('does not void what a watcher holds', async (t) => {
      const { shop, folder, clock, watched } = await watchedShop(t, coin);
      const { world } = shop;
      const { channel, deep, change } = await shop.openPaid();
      assert.equal((await watched(channel)).total, world.deposit);
      await shop.crowd(change);
      world.watching.clear();
      clock.time += 60 * MINUTE;
      const watcher = new Watcher({ folder, chain: world.chain, clock });
      world.watching.set('payee', () => watcher.poll());
      await shop.mineTo((await world.payeeState(channel)).terms.expiry - 1);
      assert.ok(shop.takerOf(deep) !== undefined, 'closed before the expiry');
    });

    test('is in what a watcher holds as soon as a block has it', async (t) => {
      const { shop, watched } = await watchedShop(t, coin);
      const { channel } = await shop.openPaid();
      await watched(channel);
      shop.ask(1n);
      await shop.mineTo(shop.regtest.tip.height + 2);
      const { best } = await shop.world.payeeState(channel);
      assert.equal((await watched(channel)).total, best?.total);
    });

    test('is in what a file says of a better payment: an older store does not write over that', async (t) => {
      const { shop, folder, clock, watched } = await watchedShop(t, coin);
      const { world } = shop;
      const { channel } = await shop.openPaid();
      const held = await watched(channel);
      const state = await world.payeeState(channel);
      const best = state.best ?? assert.fail();
      const older = { ...state, best: { ...best, total: amount(best.total - 1n) } } as const;
      assert.ok(older.best.total > held.total && held.apart?.length === 2);
      const troubles: string[] = [];
      const onTrouble = (_: ChannelId, { kind }: { readonly kind: string }): void => void troubles.push(kind);
      const writer = new WatchWriter({ coin, folder, keys: world.keys.payee, clock, onTrouble });
      writer.found(channel, older);
      await writer.run(async () => older, await world.chain.tip());
      assert.deepEqual(troubles, ['file-better']);
      assert.deepEqual(await folder.read(channel), held);
    });

    test('that comes after the close which left it out: that close is no worse spend, and a watcher claims what is left', async (t) => {
      const { shop, folder, clock, watched } = await watchedShop(t, coin);
      const { world } = shop;
      const { channel, deep, young } = await shop.openPaid();
      await world.mine(1);
      must(await world.merchant.close(channel));
      await watched(channel);
      await world.mine(2);
      assert.ok(shop.takerOf(deep) !== undefined);
      world.watching.clear();
      clock.time += 60 * MINUTE;
      const alarms = watching(shop, new Watcher({ folder, chain: world.chain, clock }));
      shop.ask(1n);
      await shop.mineTo((await world.payeeState(channel)).terms.expiry - 1);
      assert.deepEqual(alarms, new Set(['merchant-silent']));
      const claim = shop.takerOf(young) ?? assert.fail('claimed before the expiry');
      assert.ok(world.paidTo(claim, world.payeeScript) > 0n);
    });

    test('that comes after the close which left it out, while the merchant claims it: no watcher cries out', async (t) => {
      const { shop, folder, clock, watched } = await watchedShop(t, coin);
      const { world } = shop;
      const { channel, young } = await shop.openPaid();
      await world.mine(1);
      must(await world.merchant.close(channel));
      const alarms = watching(shop, new Watcher({ folder, chain: world.chain, clock }));
      for (let blocks = 0; blocks < 6; blocks++) {
        await watched(channel);
        await world.mine(1);
        if (blocks === 1) shop.ask(1n);
      }
      assert.ok(shop.takerOf(young) !== undefined);
      assert.deepEqual(alarms, new Set());
    });

    test('that a reorganisation took out again voids no close that a watcher has for what is deep', async (t) => {
      const { shop, folder, clock, watched } = await watchedShop(t, coin);
      const { world } = shop;
      const { channel, deep, young } = await shop.openPaid();
      shop.ask(1n);
      await world.mine(1);
      const [funding] = [(await world.chain.transaction(young.outpoint.txid)) ?? assert.fail()];
      await watched(channel);
      world.watching.clear();
      clock.time += 60 * MINUTE;
      watching(shop, new Watcher({ folder, chain: world.chain, clock }));
      shop.ask(3n);
      await world.subject.invalidate(await world.blockOf(funding.transaction));
      await shop.mineTo((await world.payeeState(channel)).terms.expiry - 1);
      const close = shop.takerOf(deep) ?? assert.fail('closed before the expiry');
      assert.ok(world.paidTo(close, world.payeeScript) > (world.deposit * 9n) / 10n);
    });

    test('that a reorganisation took out again is in a new file by itself, which a watcher that runs takes in', async (t) => {
      const { shop, folder, clock, watched } = await watchedShop(t, coin);
      const { world } = shop;
      const { channel, young } = await shop.openPaid();
      shop.ask(1n);
      await world.mine(1);
      const funding = (await world.chain.transaction(young.outpoint.txid)) ?? assert.fail();
      const { total } = await watched(channel);
      const watcher = new Watcher({ folder, chain: world.chain, clock });
      await watcher.poll();
      shop.ask(3n);
      await world.subject.invalidate(await world.blockOf(funding.transaction));
      await world.look();
      assert.ok((await watched(channel)).total < total, 'what is left in blocks is closed by itself');
      assert.ok(!(await watcher.poll()).alarms.some(({ code }) => code === 'file-unreadable'));
    });

    test('is claimed as well when a block takes it', async () => {
      const shop = await Shop.open(coin);
      const { world } = shop;
      const { channel, deep, young } = await shop.openPaid();
      must(await world.merchant.close(channel));
      await world.mine(2);
      shop.ask(1n);
      await shop.mineTo(shop.regtest.tip.height + 3);
      const closes = [shop.takerOf(deep), shop.takerOf(young)];
      const paid = closes.map((close) => (close === undefined ? 0n : world.paidTo(close, world.payeeScript)));
      assert.ok(paid.every((value) => value > 0n));
    });
  });
}
