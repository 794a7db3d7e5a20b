import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asChain } from '../chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../chain/regtest/regtest.ts';
import { amount } from '../core/base/amount.ts';
import { type ChannelId, channelId } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import type { ChainView } from '../core/channel/machine.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { cltvMultisig } from '../core/contract/cltv-multisig.ts';
import type { Deposit, Terms } from '../core/contract/contract.ts';
import { p2pkh, p2sh } from '../core/tx/script.ts';
import { signer } from '../core/tx/sign.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { type MemoryDisk, memoryStore } from '../store/memory.ts';
import { spend } from '../testing/p2pkh.ts';
import { type Follower, follower } from './follow.ts';
import type { Watch } from './party.ts';
import type { Chain, Clock } from './ports.ts';

const DOGE = 100_000_000n;
const payee = signer(new Uint8Array(32).fill(9));

/** One watched channel of its own keys. */
function watchOf(index: number, deposits: readonly Deposit[], isPending = false, deadline = 5000): readonly [ChannelId, Watch] {
  const payer = signer(new Uint8Array(32).fill(index + 10));
  const terms: Terms = {
    coin,
    contract: cltvMultisig,
    payerKey: payer.publicKey,
    payeeKey: payee.publicKey,
    expiry: height(6000),
    closingMargin: 120,
    signing: { kind: 'flexible', slot: 0 },
    payeeScript: p2pkh(payee.publicKey),
  };
  return [channelId(index.toString(16).padStart(64, '0')), { terms, deposits, deadline: height(deadline), isPending }];
}

interface Bench {
  readonly regtest: Regtest;
  readonly follow: Follower;
  readonly views: (readonly [ChannelId, ChainView])[];
  readonly watches: Map<ChannelId, Watch>;
  readonly disk: MemoryDisk;
}

function bench(
  regtest: Regtest,
  watches: Map<ChannelId, Watch>,
  disk: MemoryDisk = new Map(),
  chain: Chain = asChain(regtest),
  clock: Clock = { now: () => 0 },
): Bench {
  const views: (readonly [ChannelId, ChainView])[] = [];
  const follow = follower(
    chain,
    memoryStore(disk),
    {
      all: async function* () {
        yield* watches;
      },
      observe: async (channel, view) => void views.push([channel, view]),
    },
    clock,
  );
  return { regtest, follow, views, watches, disk };
}

function funded(regtest: Regtest, index: number, isPending = false): readonly [ChannelId, Watch] {
  const [, { terms }] = watchOf(index, []);
  const deposit = regtest.fund(p2sh(terms.contract.redeemScript(terms)), amount(DOGE));
  assert.ok(deposit);
  const vout = deposit.transaction.outputs.findIndex(({ value }) => value === DOGE);
  regtest.mine(1);
  return watchOf(index, [{ outpoint: { txid: deposit.txid, vout }, value: amount(DOGE) }], isPending);
}

function fresh(): Regtest {
  const regtest = createRegtest({ coin });
  regtest.mine(100);
  return regtest;
}

test('the first poll shows every channel the chain; later blocks only those that something happens to', async () => {
  const regtest = fresh();
  const idle = funded(regtest, 1);
  const busy = funded(regtest, 2, true);
  const { follow, views } = bench(regtest, new Map([idle, busy]));
  await follow.poll();
  assert.deepEqual(new Set(views.map(([channel]) => channel)), new Set([idle[0], busy[0]]));
  assert.deepEqual(
    views.flatMap(([, view]) => [...view.deposits.values()].map(({ kind }) => kind)),
    ['unspent', 'unspent'],
  );
  views.length = 0;
  regtest.mine(1);
  await follow.poll();
  assert.deepEqual(
    views.map(([channel]) => channel),
    [busy[0]],
  );
  views.length = 0;
  await follow.poll();
  assert.deepEqual(views, []);
});

test('a deadline makes a channel see every block from then on', async () => {
  const regtest = fresh();
  const [channel, watch] = funded(regtest, 1);
  const deadline = height(regtest.tip.height + 2);
  const { follow, views } = bench(regtest, new Map([[channel, { ...watch, deadline }]]));
  await follow.poll();
  const counts: number[] = [];
  for (let i = 0; i < 4; i++) {
    views.length = 0;
    regtest.mine(1);
    await follow.poll();
    counts.push(views.length);
  }
  assert.deepEqual(counts, [0, 1, 1, 1]);
});

test('work for a block does not grow with idle channels', async () => {
  const asked = async (idleChannels: number): Promise<number> => {
    const regtest = fresh();
    const watches = Array.from({ length: idleChannels }, (_, i) =>
      watchOf(i, [{ outpoint: { txid: i.toString(16).padStart(64, '0') as never, vout: 0 }, value: amount(DOGE) }]),
    );
    let calls = 0;
    const chain = asChain(regtest);
    const counting: Chain = {
      ...chain,
      output: (outpoint) => {
        calls++;
        return chain.output(outpoint);
      },
    };
    const { follow, views } = bench(regtest, new Map(watches), new Map(), counting);
    await follow.poll();
    assert.equal(views.length, idleChannels);
    calls = 0;
    regtest.mine(10);
    await follow.poll();
    return calls;
  };
  assert.equal(await asked(3), 0);
  assert.equal(await asked(200), 0);
});

/** An output of this test's own key, watched as if it were a deposit, and the transaction that spends it. */
function spendable(regtest: Regtest): { readonly watched: readonly [ChannelId, Watch]; readonly spending: Transaction } {
  const made = regtest.fund(p2pkh(payee.publicKey), amount(DOGE));
  assert.ok(made);
  regtest.mine(1);
  const vout = made.transaction.outputs.findIndex(({ value }) => value === DOGE);
  const output = { outpoint: { txid: made.txid, vout }, value: amount(DOGE) };
  return { watched: watchOf(1, [output]), spending: spend(coin, { ...output, owner: payee }) };
}

function lastOf({ views }: Bench): string {
  const view = views.at(-1)?.[1].deposits.values().next().value;
  return view?.kind === 'spent' ? `spent ${view.depth}` : String(view?.kind);
}

test('a spend is seen in the mempool, in a block with its depth, and gone again after a reorganisation', async () => {
  const regtest = fresh();
  const { watched, spending } = spendable(regtest);
  const on = bench(regtest, new Map([watched]));
  await on.follow.poll();
  assert.equal(lastOf(on), 'unspent');
  regtest.broadcast(spending);
  await on.follow.poll();
  assert.equal(lastOf(on), 'spent 0');
  const [mined = ''] = regtest.mine(1);
  await on.follow.poll();
  assert.equal(lastOf(on), 'spent 1');
  regtest.mine(2);
  await on.follow.poll();
  assert.equal(lastOf(on), 'spent 3');
  regtest.invalidate(mined);
  await on.follow.poll();
  assert.equal(lastOf(on), 'spent 0');
});

test('a reorganisation that takes the very first block that was read is followed', async () => {
  const regtest = fresh();
  const { watched, spending } = spendable(regtest);
  const on = bench(regtest, new Map([watched]));
  await on.follow.poll();
  regtest.invalidate(regtest.tip.hash);
  regtest.mine(2);
  await on.follow.poll();
  regtest.broadcast(spending);
  regtest.mine(1);
  await on.follow.poll();
  assert.equal(lastOf(on), 'spent 1');
});

test('what was read is known after a restart: the spend, and the blocks in between', async () => {
  const regtest = fresh();
  const { watched, spending } = spendable(regtest);
  const before = bench(regtest, new Map([watched]));
  await before.follow.poll();
  regtest.broadcast(spending);
  regtest.mine(3);
  await before.follow.poll();
  assert.equal(lastOf(before), 'spent 3');
  regtest.mine(5);
  const restarted = bench(regtest, before.watches, before.disk);
  await restarted.follow.poll();
  assert.equal(lastOf(restarted), 'spent 8');
});

test('a crash before the reading is stored reads the same blocks again', async () => {
  const regtest = fresh();
  const { watched, spending } = spendable(regtest);
  const before = bench(regtest, new Map([watched]));
  await before.follow.poll();
  const disk: MemoryDisk = new Map([...before.disk].map(([kind, records]) => [kind, new Map(records)]));
  regtest.broadcast(spending);
  regtest.mine(1);
  await before.follow.poll();
  const restarted = bench(regtest, before.watches, disk);
  await restarted.follow.poll();
  assert.equal(lastOf(restarted), 'spent 1');
});

test('a node that is behind what was read is waited for, not believed', async () => {
  const regtest = fresh();
  const { watched } = spendable(regtest);
  const on = bench(regtest, new Map([watched]));
  await on.follow.poll();
  const elsewhere = createRegtest({ coin, now: () => 1_700_000_000_000 });
  elsewhere.mine(3);
  const behind = bench(elsewhere, on.watches, on.disk);
  await assert.rejects(behind.follow.poll(), { code: 'node-down' });
  await bench(regtest, on.watches, on.disk).follow.poll();
});

test('an output to the script of a channel is found, whoever made it', async () => {
  const regtest = fresh();
  const [channel, watch] = watchOf(1, []);
  const on = bench(regtest, new Map([[channel, watch]]));
  await on.follow.poll();
  const made = regtest.fund(p2sh(watch.terms.contract.redeemScript(watch.terms)), amount(7n * DOGE));
  regtest.mine(1);
  await on.follow.poll();
  const [found] = on.views.at(-1)?.[1].found ?? [];
  assert.equal(found?.deposit.outpoint.txid, made?.txid);
  assert.equal(found?.deposit.value, 7n * DOGE);
});

test('a view is acted on with the chain as it was just read, also in the first poll and after a long silence', async () => {
  const regtest = fresh();
  const [channel, watch] = funded(regtest, 1, true);
  let now = 0;
  const heights: number[] = [];
  const follow: Follower = follower(
    asChain(regtest),
    memoryStore(),
    {
      all: async function* () {
        yield [channel, watch];
      },
      observe: async () => void heights.push(follow.seen().tip.height),
    },
    { now: () => now },
  );
  await follow.poll();
  now += 24 * 3600 * 1000;
  regtest.mine(1);
  await follow.poll();
  assert.deepEqual(heights, [regtest.tip.height - 1, regtest.tip.height]);
});

test('what was read too long ago is not acted on, until the chain is read again', async () => {
  const regtest = fresh();
  let now = 0;
  const { follow } = bench(regtest, new Map(), new Map(), asChain(regtest), { now: () => now });
  assert.throws(() => follow.seen(), { code: 'node-down' });
  await follow.poll();
  now = 10 * 60 * 1000;
  assert.equal(follow.seen().tip.height, regtest.tip.height);
  now++;
  assert.throws(() => follow.seen(), { code: 'node-down' });
  await follow.poll();
  assert.equal(follow.seen().tip.height, regtest.tip.height);
});
