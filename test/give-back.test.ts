import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { amount } from '../src/core/base/amount.ts';
import { type ChannelId, equalBytes } from '../src/core/base/bytes.ts';
import { height } from '../src/core/base/height.ts';
import type { PayeeState } from '../src/core/channel/payee-state.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import type { Contract } from '../src/core/contract/contract.ts';
import { revocable } from '../src/core/contract/revocable.ts';
import { revocableCsv } from '../src/core/contract/revocable-csv.ts';
import { type Transaction, transactionId } from '../src/core/tx/transaction.ts';
import { WorldError } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { WatchFileCache } from '../src/merchant/watchtower/file-cache.ts';
import { WatchWriter } from '../src/merchant/watchtower/file-writer.ts';
import { watchFolder } from '../src/merchant/watchtower/folder.ts';
import type { SidesOptions } from './world/channel-sides.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { must } from './world/sample.ts';

const verifier = await fastestVerifier();
let orders = 0;

class Shop {
  readonly regtest: Regtest;
  readonly world: ChannelWorld;

  private constructor(regtest: Regtest, world: ChannelWorld) {
    this.regtest = regtest;
    this.world = world;
  }

  static async open(coin: Coin, contract: Contract, options: SidesOptions = {}): Promise<Shop> {
    const regtest = new Regtest({ coin, verify: verifier.verify });
    regtest.mine(1_360);
    return new Shop(regtest, await ChannelWorld.open(embedded(regtest, verifier), { ...options, terms: { contract } }));
  }

  /** A channel with some payments, of which `times` prices were paid. */
  async channel(times = 10): Promise<ChannelId> {
    const channel = await this.world.openChannel(400);
    await this.world.buy(channel, times);
    return channel;
  }

  async giveBack(channel: ChannelId, times: number): Promise<void> {
    const { merchant, price, agent, payee } = this.world;
    must(await merchant.giveBack(channel, amount(price * BigInt(times)), `${orders++}`));
    must(await agent.refresh(channel, payee));
  }

  /** What the payee could have closed with at a state of its own. */
  closeOf({ terms, deposits, best, keyName }: PayeeState): Transaction {
    if (best === undefined) return assert.fail('nothing to close with');
    const signer = this.world.keys.payee.signer(keyName);
    const payout = { script: terms.payeeScript, feeRate: terms.coin.policy.feeRate };
    return must(terms.contract.close([{ terms, deposits, payment: best, signer }], payout));
  }

  async send(transaction: Transaction): Promise<void> {
    assert.deepEqual(await this.world.chain.broadcast(transaction), { kind: 'accepted' });
  }

  /** What of the outputs of all blocks is paid to a script. */
  async paid(script: Uint8Array): Promise<bigint> {
    let sum = 0n;
    for (let block = await this.#block(1_361); block !== undefined; block = await this.#block(block.height + 1)) {
      const outputs = block.transactions.flatMap(({ transaction }) => transaction.outputs);
      for (const one of outputs) if (equalBytes(one.script, script)) sum += one.value;
    }
    return sum;
  }

  #block(at: number): ReturnType<ChannelWorld['chain']['block']> {
    return this.world.chain.block(height(at));
  }
}

function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

function guardedBy<Given extends unknown[]>(disk: { readonly isFull: boolean }, write: (...given: Given) => Promise<void>): typeof write {
  return async (...given) => {
    if (disk.isFull) throw new WorldError('store-full', 'No room.', 'Make some.');
    await write(...given);
  };
}

for (const [coin, contract] of [
  [dogecoinRegtest, revocable],
  [litecoinRegtest, revocable],
  [litecoinRegtest, revocableCsv],
] as const) {
  describe(`payments that can be taken back, ${contract.id}, ${coin.id}`, () => {
    test('a merchant gives back, the payer takes it, and the close pays out what is left at its height', async () => {
      const shop = await Shop.open(coin, contract);
      const { world } = shop;
      const channel = await shop.channel();
      await shop.giveBack(channel, 4);
      const { best, terms } = await world.payeeState(channel);
      assert.equal(best?.total, world.price * 6n);
      assert.equal((await world.payer(channel)).signed, world.price * 6n);
      await world.buy(channel);
      const commit = await world.close(channel);
      await world.mine(1);
      const mined = (await world.now()).tip;
      await world.bury();
      assert.equal((await world.payeeState(channel)).kind, 'closing');
      const at = terms.contract.revocation?.payoutAt(terms, mined) ?? assert.fail();
      await world.mineBefore(at);
      assert.equal(await shop.paid(world.payeeScript), 0n);
      await world.mine(1);
      await world.mine(coin.channel.buried);
      const ended = await world.payeeState(channel);
      assert.ok(ended.kind === 'ended' && ended.how === 'closed');
      const paid = await shop.paid(world.payeeScript);
      assert.ok(paid === ended.received && paid > world.price * 6n && paid < world.price * 7n);
      const payer = await world.payer(channel);
      assert.ok(
        payer.kind === 'ended' && payer.how === 'closed' && payer.transactions.some((one) => transactionId(one) === transactionId(commit)),
      );
    });

    test('watchers hold nothing that is to be revoked before its secret is shown; while their files can’t be written, none is', async (t) => {
      const path = mkdtempSync(join(tmpdir(), 'pawment-give-back-'));
      t.after(() => rmSync(path, { recursive: true }));
      const folder = watchFolder(path);
      const disk = { isFull: false };
      const writers: WatchWriter[] = [];
      const shop = await Shop.open(coin, contract, {
        books: (keys) => {
          const full = { ...folder, write: guardedBy(disk, folder.write), empty: guardedBy(disk, folder.empty) };
          writers.push(
            new WatchWriter({ coin, folder: full, keys, clock: { now: Date.now }, onTrouble: (_, { kind }) => assert.fail(kind) }),
          );
          return writers;
        },
        beforeRevoking: async ({ engine }, channel) => {
          for (const writer of writers) await writer.settle(channel, engine.get, engine.follower.seen().tip);
        },
      });
      const { world } = shop;
      const channel = await shop.channel();
      const { engine } = world.merchant;
      for (const writer of writers) await writer.run(engine.get, engine.follower.seen().tip);
      const watcher = new WatchFileCache(folder, coin);
      const totalOf = async (): Promise<bigint | undefined> => {
        await watcher.read(() => false);
        assert.deepEqual(watcher.troubles, []);
        return watcher.get(channel)?.total;
      };
      assert.equal(await totalOf(), world.price * 10n);
      disk.isFull = true;
      await assert.rejects(shop.giveBack(channel, 4), { code: 'store-full' });
      assert.equal((await world.payeeState(channel)).revoked, 1);
      const told = await world.payer(channel);
      assert.equal(told.signed, world.price * 10n, 'no secret was shown');
      await assert.rejects(world.agent.resync(channel, world.payee), { code: 'store-full' });
      const { payment = assert.fail() } = told.kind === 'open' ? (told.pending ?? {}) : {};
      await assert.rejects(world.merchant.increment({ kind: 'payment', channel, payment }), { code: 'store-full' });
      disk.isFull = false;
      must(await world.agent.refresh(channel, world.payee));
      assert.equal((await world.payer(channel)).signed, world.price * 6n);
      assert.equal(await totalOf(), world.price * 6n);
      await shop.giveBack(channel, 6);
      assert.equal(await totalOf(), undefined);
      await world.buy(channel);
      for (const writer of writers) await writer.settle(channel, engine.get, engine.follower.seen().tip);
      assert.equal(await totalOf(), world.price);
    });

    test('a file that is being written while a payment is revoked holds nothing of it afterwards', async (t) => {
      const path = mkdtempSync(join(tmpdir(), 'pawment-give-back-'));
      t.after(() => rmSync(path, { recursive: true }));
      const folder = watchFolder(path);
      const [begun, opened] = [gate(), gate()];
      let writes = 0;
      const slow: typeof folder.write = async (watched) => {
        if (writes++ === 0) {
          begun.open();
          await opened.passed;
        }
        await folder.write(watched);
      };
      const writers: WatchWriter[] = [];
      const shop = await Shop.open(coin, contract, {
        books: (keys) => {
          const clock = { now: Date.now };
          writers.push(
            new WatchWriter({ coin, folder: { ...folder, write: slow }, keys, clock, onTrouble: (_, { kind }) => assert.fail(kind) }),
          );
          return writers;
        },
        beforeRevoking: async ({ engine }, channel) => {
          const settled = writers.map((writer) => writer.settle(channel, engine.get, engine.follower.seen().tip));
          opened.open();
          await Promise.all(settled);
        },
      });
      const { engine } = shop.world.merchant;
      const channel = await shop.channel();
      const written = Promise.all(writers.map((writer) => writer.run(engine.get, engine.follower.seen().tip)));
      await begun.passed;
      await shop.giveBack(channel, 4);
      await written;
      const watcher = new WatchFileCache(folder, coin);
      await watcher.read(() => false);
      assert.equal(watcher.get(channel)?.total, shop.world.price * 6n);
    });

    test('an agreed end needs no waiting', async () => {
      const shop = await Shop.open(coin, contract);
      const { world } = shop;
      const channel = await shop.channel();
      must(await world.agent.end(channel, world.payee));
      await world.mine(1);
      await world.bury();
      const ended = await world.payeeState(channel);
      assert.ok(ended.kind === 'ended' && ended.how === 'closed' && ended.received === world.price * 10n);
    });

    // Where the payout counts from the close, a payer looks more often than the delay is long.
    for (const sleeps of contract.expiryIn === 'age'
      ? (['awake', 'asleep for half the delay'] as const)
      : (['awake', 'asleep until the expiry'] as const)) {
      test(`a revoked close is punished by a payer that is ${sleeps}`, async () => {
        const shop = await Shop.open(coin, contract);
        const { world } = shop;
        const channel = await shop.channel();
        const before = await world.payeeState(channel);
        await shop.giveBack(channel, 9);
        world.watching.delete('payee');
        const follow = world.watching.get('payer') ?? assert.fail();
        if (sleeps !== 'awake') world.watching.delete('payer');
        await shop.send(shop.closeOf(before));
        await world.mine(1);
        if (sleeps === 'asleep until the expiry') await world.mineTo(before.terms.expiry);
        if (sleeps === 'asleep for half the delay') await world.mine(Math.floor((before.terms.revocation?.payoutDelay ?? 0) / 2));
        world.watching.set('payer', follow);
        await world.mine(1);
        await world.mine(1);
        await world.bury();
        const { returnScript, ...ended } = await world.payer(channel);
        assert.ok(ended.kind === 'ended' && ended.how === 'punished', ended.kind);
        assert.ok(ended.returned > world.deposit - world.price * 8n && (await shop.paid(returnScript)) > 0n);
        assert.equal(await shop.paid(world.payeeScript), 0n);
      });
    }

    test('the payer gets all back after the expiry from a payee that is gone', async () => {
      const shop = await Shop.open(coin, contract);
      const { world } = shop;
      const channel = await shop.channel();
      await shop.giveBack(channel, 5);
      world.watching.delete('payee');
      await world.mineTo(await world.refundAt(channel));
      await world.mine(1);
      await world.bury();
      const ended = await world.payer(channel);
      assert.ok(ended.kind === 'ended' && ended.how === 'refunded');
    });
  });
}
