import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { spend } from '../../test/world/p2pkh.ts';
import { must } from '../../test/world/sample.ts';
import { asChain } from '../chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../chain/regtest/regtest.ts';
import { amount } from '../core/base/amount.ts';
import { type ChannelId, channelId } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import { isRefusal } from '../core/base/refusal.ts';
import type { ChainView } from '../core/channel/state-machine.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { cltvMultisig } from '../core/contract/cltv-multisig.ts';
import type { Deposit, Terms } from '../core/contract/contract.ts';
import { p2pkh } from '../core/tx/script.ts';
import { signer } from '../core/tx/sign.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { type MemoryDisk, memoryStore } from '../store/memory.ts';
import { type Follower, follower } from './chain-follower.ts';
import type { WatchedOutputs } from './channel-role.ts';
import { type Chain, type Clock, WorldError } from './ports.ts';

const DOGE = 100_000_000n;
const payee = signer(new Uint8Array(32).fill(9));

/** One watched channel of its own keys. */
function watchOf(index: number, deposits: readonly Deposit[], isPending = false, deadline = 5000): readonly [ChannelId, WatchedOutputs] {
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
  return [
    channelId(index.toString(16).padStart(64, '0')),
    { terms, deposits, sources: [], deadline: height(deadline), isPending, leastFound: amount(1n) },
  ];
}

interface Bench {
  readonly regtest: Regtest;
  readonly follow: Follower;
  readonly views: (readonly [ChannelId, ChainView])[];
  readonly watches: Map<ChannelId, WatchedOutputs>;
  readonly disk: MemoryDisk;
}

function bench(
  regtest: Regtest,
  watches: Map<ChannelId, WatchedOutputs>,
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
      observe: async (channel, view) => views.push([channel, view]) > 0,
    },
    clock,
  );
  return { regtest, follow, views, watches, disk };
}

function funded(regtest: Regtest, index: number, isPending = false): readonly [ChannelId, WatchedOutputs] {
  const [, { terms }] = watchOf(index, []);
  const deposit = regtest.fund(terms.contract.outputScript(terms), amount(DOGE));
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

for (const [when, isMined] of [
  ['into the mempool', false],
  ['into a block', true],
] as const) {
  test(`a deposit that is spent ${when} while the chain is read is not shown as missing`, async () => {
    const regtest = fresh();
    const [channel, watch] = funded(regtest, 3, true);
    const { terms, deposits } = watch;
    const payment = must(cltvMultisig.sign(terms, deposits, amount(DOGE), signer(new Uint8Array(32).fill(13))));
    const closing = { terms, deposits, payment, signer: payee };
    const close = must(cltvMultisig.close([closing], { script: terms.payeeScript, feeRate: coin.policy.feeRate }));
    const node = asChain(regtest);
    const chain: Chain = {
      ...node,
      output: async (outpoint) => {
        regtest.broadcast(close);
        if (isMined && regtest.mempool().length > 0) regtest.mine(1);
        return node.output(outpoint);
      },
    };
    const { follow, views } = bench(regtest, new Map([[channel, watch]]), new Map(), chain);
    await follow.poll();
    await follow.poll();
    const kinds = views.flatMap(([, view]) => [...view.deposits.values()].map((seen) => (seen.kind === 'spent' ? seen.depth : seen.kind)));
    assert.deepEqual(new Set(kinds), new Set([isMined ? 1 : 0]));
  });
}

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
function spendable(regtest: Regtest): { readonly watched: readonly [ChannelId, WatchedOutputs]; readonly spending: Transaction } {
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

test('where a spend waits, what the node knows of the deposit itself is told: it may be back in the mempool', async () => {
  const regtest = fresh();
  const { watched, spending } = spendable(regtest);
  const funding = regtest.tip.hash;
  const on = bench(regtest, new Map([watched]));
  regtest.broadcast(spending);
  await on.follow.poll();
  const depositDepth = (): number | undefined => {
    const view = on.views.at(-1)?.[1].deposits.values().next().value;
    return view?.kind === 'spent' ? view.depositDepth : assert.fail('it is spent');
  };
  assert.equal(depositDepth(), 1);
  regtest.invalidate(funding);
  await on.follow.poll();
  assert.deepEqual([lastOf(on), depositDepth()], ['spent 0', 0]);
  regtest.mine(1);
  await on.follow.poll();
  assert.deepEqual([lastOf(on), depositDepth()], ['spent 1', undefined]);
});

test('where reading began is stored before anything is known of the chain: else a restart would begin later', async () => {
  const regtest = fresh();
  const errors = [new WorldError('store-full', 'the disk is full', 'Make room.')];
  const store = memoryStore();
  const follow = follower(
    asChain(regtest),
    {
      ...store,
      commit: async (writes) => {
        const [error] = errors.splice(0);
        if (error !== undefined) throw error;
        return store.commit(writes);
      },
    },
    {
      all: async function* () {
        yield* [];
      },
      observe: async () => true,
    },
    { now: () => 0 },
  );
  await assert.rejects(follow.poll(), { code: 'store-full' });
  assert.throws(() => follow.seen(), WorldError);
  await follow.poll();
  assert.equal(follow.seen().tip.height, regtest.tip.height);
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
  await assert.rejects(behind.follow.poll(), { code: 'node-behind' });
  await bench(regtest, on.watches, on.disk).follow.poll();
});

test('an output to the script of a channel is found, whoever made it', async () => {
  const regtest = fresh();
  const [channel, watch] = watchOf(1, []);
  const on = bench(regtest, new Map([[channel, watch]]));
  await on.follow.poll();
  const made = regtest.fund(watch.terms.contract.outputScript(watch.terms), amount(7n * DOGE));
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
      observe: async () => heights.push(follow.seen().tip.height) > 0,
    },
    { now: () => now },
  );
  await follow.poll();
  now += 24 * 3600 * 1000;
  regtest.mine(1);
  await follow.poll();
  assert.deepEqual(heights, [regtest.tip.height - 1, regtest.tip.height]);
});

test('what was read too long ago is not promised on, until the chain is read again', async () => {
  const regtest = fresh();
  let now = 0;
  const { follow } = bench(regtest, new Map(), new Map(), asChain(regtest), { now: () => now });
  assert.throws(() => follow.seen(), { code: 'node-down' });
  assert.throws(() => follow.trusted(), { code: 'node-down' });
  await follow.poll();
  now = 10 * 60 * 1000;
  assert.equal(follow.trusted().tip.height, regtest.tip.height);
  now++;
  assert.throws(() => follow.trusted(), { code: 'node-down' });
  assert.equal(follow.seen().tip.height, regtest.tip.height, 'what is due is done all the same');
  await follow.poll();
  assert.equal(follow.trusted().tip.height, regtest.tip.height);
});

describe('views that do not get through', () => {
  /** A follower whose channels can be made to fail, each view's found outputs noted. */
  function failing(
    regtest: Regtest,
    watches: Map<ChannelId, WatchedOutputs>,
    disk: MemoryDisk = new Map(),
    chain: Chain = asChain(regtest),
  ) {
    const broken = new Set<ChannelId>();
    const views: (readonly [ChannelId, ChainView])[] = [];
    const all = async function* () {
      yield* watches;
    };
    const observe = async (channel: ChannelId, view: ChainView): Promise<boolean> => {
      if (broken.has(channel)) return false;
      views.push([channel, view]);
      return true;
    };
    return { broken, views, disk, follow: follower(chain, memoryStore(disk), { all, observe }, { now: () => 0 }) };
  }

  test('one that fails is made again, with what was found, and does not keep others from theirs', async () => {
    const regtest = fresh();
    const [bad, badWatch] = watchOf(1, []);
    const [good, goodWatch] = funded(regtest, 2, true);
    const on = failing(regtest, new Map([[bad, badWatch] as const, [good, goodWatch] as const]));
    await on.follow.poll();
    on.broken.add(bad);
    on.views.length = 0;
    regtest.fund(badWatch.terms.contract.outputScript(badWatch.terms), amount(7n * DOGE));
    regtest.mine(1);
    await on.follow.poll();
    assert.deepEqual([on.views.map(([channel]) => channel), on.follow.report().waiting], [[good], 1]);
    on.broken.delete(bad);
    await on.follow.poll();
    const [, view] = on.views.at(-1) ?? assert.fail('no view');
    assert.deepEqual([on.views.at(-1)?.[0], view.found[0]?.deposit.value, on.follow.report().waiting], [bad, 7n * DOGE, 0]);
  });

  test('blocks whose views did not get through are read again after a restart', async () => {
    const regtest = fresh();
    const [bad, watch] = watchOf(1, []);
    const on = failing(regtest, new Map([[bad, watch]]));
    await on.follow.poll();
    on.broken.add(bad);
    regtest.fund(watch.terms.contract.outputScript(watch.terms), amount(7n * DOGE));
    regtest.mine(2);
    await on.follow.poll();
    regtest.mine(2);
    await on.follow.poll();
    const restarted = failing(regtest, new Map([[bad, watch]]), on.disk);
    await restarted.follow.poll();
    assert.equal(restarted.views.at(-1)?.[1].found[0]?.deposit.value, 7n * DOGE);
  });

  test('a node that fails on one output alone keeps nobody else from a view', async () => {
    const regtest = fresh();
    const one = funded(regtest, 1, true);
    const other = funded(regtest, 2, true);
    const [cursed] = one[1].deposits;
    const chain = asChain(regtest);
    const spells = new Set([cursed?.outpoint.txid]);
    const on = failing(regtest, new Map([one, other]), new Map(), {
      ...chain,
      output: async (outpoint) => {
        if (spells.has(outpoint.txid)) throw new WorldError('node-refused', 'no', 'no');
        return chain.output(outpoint);
      },
    });
    await assert.rejects(on.follow.poll(), { code: 'node-refused' });
    assert.deepEqual(
      on.views.map(([channel]) => channel),
      [other[0]],
    );
    spells.clear();
    await on.follow.poll();
    assert.deepEqual(
      on.views.map(([channel]) => channel),
      [other[0], one[0]],
    );
  });
});

test('a channel whose deadline has come when it gets one is shown the chain at the next reading, without a block', async () => {
  const regtest = fresh();
  const [channel, watch] = watchOf(1, []);
  const shown: number[] = [];
  const follow: Follower = follower(
    asChain(regtest),
    memoryStore(),
    {
      all: async function* () {
        yield [channel, watch] as const;
      },
      observe: async () => shown.push(regtest.tip.height) > 0,
    },
    { now: () => 0 },
  );
  await follow.poll();
  await follow.poll();
  assert.equal(shown.length, 1, 'nothing is due, and no block came');
  follow.track(channel, { ...watch, deadline: height(regtest.tip.height + 1) });
  await follow.poll();
  assert.equal(shown.length, 1, 'it is not due yet');
  follow.track(channel, { ...watch, deadline: height(regtest.tip.height) });
  await follow.poll();
  assert.equal(shown.length, 2);
  await follow.poll();
  assert.equal(shown.length, 2, 'and once is enough');
});

test('a deposit that is found and spent between two readings is seen as both', async () => {
  const regtest = fresh();
  const [channel, watch] = watchOf(1, []);
  const script = watch.terms.contract.outputScript(watch.terms);
  const watches = new Map([[channel, watch]]);
  const spends: string[] = [];
  const follow: Follower = follower(
    asChain(regtest),
    memoryStore(),
    {
      all: async function* () {
        yield* watches;
      },
      observe: async (_, view) => {
        spends.push(...[...view.deposits.values()].map(({ kind }) => kind));
        const [found] = view.found;
        if (found !== undefined) follow.track(channel, { ...watch, deposits: [found.deposit] });
        return true;
      },
    },
    { now: () => 0 },
  );
  await follow.poll();
  const made = regtest.fund(script, amount(7n * DOGE)) ?? assert.fail('the faucet is empty');
  const deposit = { outpoint: { txid: made.txid, vout: 0 }, value: amount(7n * DOGE) };
  regtest.mine(watch.terms.expiry - regtest.tip.height);
  const payer = signer(new Uint8Array(32).fill(11));
  const payout = { script: p2pkh(payee.publicKey), feeRate: coin.policy.feeRate };
  const refund = watch.terms.contract.refund(watch.terms, [deposit], payout, payer);
  assert.ok(!isRefusal(refund));
  assert.equal(regtest.broadcast(refund).kind, 'accepted');
  regtest.mine(1);
  await follow.poll();
  regtest.mine(1);
  await follow.poll();
  assert.deepEqual(spends, ['spent', 'spent']);
});

test('coins that were to fund a deposit and went elsewhere: replaced, with its depth', async () => {
  const regtest = fresh();
  const made = regtest.fund(p2pkh(payee.publicKey), amount(DOGE)) ?? assert.fail('the faucet is empty');
  const vout = made.transaction.outputs.findIndex(({ value }) => value === DOGE);
  const source = { outpoint: { txid: made.txid, vout }, value: amount(DOGE) };
  regtest.mine(1);
  const txid = 'ab'.repeat(32) as never;
  const deposit = { outpoint: { txid, vout: 0 }, value: amount(DOGE) };
  const [channel, watch] = watchOf(1, [deposit], true);
  const sources = [{ deposit: deposit.outpoint, spends: [source.outpoint] }];
  const on = bench(regtest, new Map([[channel, { ...watch, sources }]]));
  const last = (): unknown => {
    const view = on.views.at(-1)?.[1].deposits.values().next().value;
    return view?.kind === 'replaced' ? view.depth : view?.kind;
  };
  await on.follow.poll();
  assert.equal(last(), 'missing');
  regtest.broadcast(spend(coin, { ...source, owner: payee }));
  await on.follow.poll();
  assert.equal(last(), 0);
  regtest.mine(1);
  await on.follow.poll();
  assert.equal(last(), 1);
  regtest.mine(4);
  await on.follow.poll();
  assert.equal(last(), 5);
  const restarted = bench(regtest, on.watches, on.disk);
  await restarted.follow.poll();
  const view = restarted.views.at(-1)?.[1].deposits.values().next().value;
  assert.equal(view?.kind === 'replaced' && view.depth, 5);
});

describe('a node in trouble', () => {
  test('one that deleted what was not read yet is followed from its tip on, and what was missed is said', async () => {
    const regtest = fresh();
    const [channel, watch] = funded(regtest, 1);
    const before = bench(regtest, new Map([[channel, watch]]));
    await before.follow.poll();
    regtest.mine(100);
    const chain = asChain(regtest);
    const floor = regtest.tip.height - 70;
    const pruned: Chain = {
      ...chain,
      block: async (at) => {
        if (at < floor) throw new WorldError('node-pruned', 'deleted', 'none');
        return chain.block(at);
      },
    };
    const on = bench(regtest, new Map([[channel, watch]]), before.disk, pruned);
    await on.follow.poll();
    assert.deepEqual([lastOf(on), on.follow.report().missed, on.follow.trusted().tip.height], ['unspent', 100, regtest.tip.height]);
    regtest.mine(1);
    await on.follow.poll();
    assert.deepEqual([on.follow.report().missed, on.follow.seen().tip.height], [100, regtest.tip.height]);
  });

  test('one that is much shorter than before is acted on and not relied on, also after a restart, until it is back', async () => {
    const regtest = fresh();
    const [channel, watch] = funded(regtest, 1);
    const on = bench(regtest, new Map([[channel, watch]]));
    await on.follow.poll();
    const [first = ''] = regtest.mine(70);
    await on.follow.poll();
    regtest.invalidate(first);
    await on.follow.poll();
    assert.equal(on.follow.seen().tip.height, regtest.tip.height);
    assert.throws(() => on.follow.trusted(), { code: 'node-behind' });
    const restarted = bench(regtest, on.watches, on.disk);
    await restarted.follow.poll();
    assert.equal(restarted.follow.report().doubt?.code, 'node-behind');
    regtest.mine(10);
    await restarted.follow.poll();
    assert.equal(restarted.follow.trusted().tip.height, regtest.tip.height);
  });

  /** The chain as a node shows it on which some calls fail while `broken` names them. */
  function breaking(regtest: Regtest): { readonly chain: Chain; readonly broken: Set<keyof Chain> } {
    const node = asChain(regtest);
    const broken = new Set<keyof Chain>();
    const or = <Answer>(call: keyof Chain, answer: () => Promise<Answer>): Promise<Answer> =>
      broken.has(call) ? Promise.reject(new WorldError('node-refused', call, 'none')) : answer();
    return {
      broken,
      chain: {
        ...node,
        block: (at) => or('block', () => node.block(at)),
        mempool: () => or('mempool', node.mempool),
        transaction: (txid) => or('transaction', () => node.transaction(txid)),
        unconfirmed: (txid) => or('unconfirmed', () => node.unconfirmed(txid)),
        feeRate: () => or('feeRate', node.feeRate),
      },
    };
  }

  for (const call of ['block', 'mempool', 'unconfirmed', 'feeRate'] as const) {
    test(`one that fails on ${call} alone keeps nothing due from being done, also after a restart`, async () => {
      const regtest = fresh();
      const [channel, watch] = funded(regtest, 1);
      const deadline = height(regtest.tip.height + 3);
      const { chain, broken } = breaking(regtest);
      const watches = new Map([[channel, { ...watch, deadline }]]);
      const on = bench(regtest, watches, new Map(), chain);
      await on.follow.poll();
      on.views.length = 0;
      broken.add(call);
      regtest.fund(p2pkh(payee.publicKey), amount(DOGE));
      await on.follow.poll().catch(() => undefined);
      assert.equal(on.views.length, 0, 'not due yet');
      regtest.mine(3);
      regtest.fund(p2pkh(payee.publicKey), amount(DOGE));
      await assert.rejects(on.follow.poll(), { code: 'node-refused' });
      assert.deepEqual([lastOf(on), on.follow.seen().tip.height], ['unspent', regtest.tip.height]);
      assert.throws(() => on.follow.trusted(), { code: 'node-refused' });
      const restarted = bench(regtest, watches, on.disk, chain);
      await restarted.follow.poll().catch(() => undefined);
      assert.equal(lastOf(restarted), 'unspent');
      broken.clear();
      await restarted.follow.poll();
      assert.equal(restarted.follow.trusted().tip.height, regtest.tip.height);
    });
  }

  test('a deposit that is not there counts as missing only once blocks and mempool were read', async () => {
    const regtest = fresh();
    const { watched, spending } = spendable(regtest);
    const [channel, watch] = watched;
    const { chain, broken } = breaking(regtest);
    const on = bench(regtest, new Map([[channel, { ...watch, isPending: true }]]), new Map(), chain);
    await on.follow.poll();
    on.views.length = 0;
    regtest.broadcast(spending);
    for (const call of ['unconfirmed', 'mempool', 'block'] as const) {
      broken.add(call);
      if (call === 'block') regtest.mine(1);
      await assert.rejects(on.follow.poll());
      await assert.rejects(on.follow.poll());
      assert.deepEqual([on.views.length, on.follow.report().waiting], [0, 1], call);
    }
    broken.clear();
    await on.follow.poll();
    assert.equal(lastOf(on), 'spent 1');
  });

  test('one that goes back to a branch and forth again takes no spend with it', async () => {
    const regtest = fresh();
    const { watched, spending } = spendable(regtest);
    const node = asChain(regtest);
    const lies: (typeof node)[] = [];
    const now = (): typeof node => lies[0] ?? node;
    const chain: Chain = { ...node, status: () => now().status(), block: (at) => now().block(at) };
    const on = bench(regtest, new Map([watched]), new Map(), chain);
    await on.follow.poll();
    regtest.broadcast(spending);
    regtest.mine(1);
    await on.follow.poll();
    assert.equal(lastOf(on), 'spent 1');
    const { height: top } = regtest.tip;
    const branch = { height: top, hash: 'ef'.repeat(32) };
    lies.push({
      ...node,
      status: async () => ({ ...(await node.status()), tip: branch }),
      block: async (at) => {
        const block = await node.block(at);
        if (lies.length > 1) throw new WorldError('node-down', 'no', 'no');
        if (at < top) lies.push(node);
        return at === top ? block && { ...block, hash: branch.hash } : block;
      },
    });
    await assert.rejects(on.follow.poll(), { code: 'node-down' });
    lies.length = 0;
    regtest.mine(1);
    await on.follow.poll();
    assert.equal(lastOf(on), 'spent 2');
  });

  test('a spend that was stored before the blocks up to it is forgotten when those are gone after a restart', async () => {
    const regtest = fresh();
    const { watched, spending } = spendable(regtest);
    const [bad, badWatch] = watchOf(7, [], true);
    const disk: MemoryDisk = new Map();
    const watches = new Map([watched, [bad, badWatch] as const]);
    const all = async function* () {
      yield* watches;
    };
    const isBroken: boolean[] = [];
    const observe = async (channel: ChannelId): Promise<boolean> => channel !== bad || isBroken.length === 0;
    const follow = follower(asChain(regtest), memoryStore(disk), { all, observe }, { now: () => 0 });
    await follow.poll();
    isBroken.push(true);
    regtest.broadcast(spending);
    const [mined = ''] = regtest.mine(1);
    await follow.poll();
    assert.deepEqual([follow.report().waiting, disk.get('spend')?.size], [1, 1]);
    regtest.invalidate(mined);
    for (let i = 0; i < 3; i++) regtest.mineBlock([]);
    const restarted = bench(regtest, watches, disk);
    await restarted.follow.poll();
    const [, view] = restarted.views.find(([channel]) => channel === watched[0]) ?? assert.fail('no view');
    assert.deepEqual(
      [...view.deposits.values()].map((seen) => seen.kind === 'spent' && seen.depth),
      [0],
    );
  });

  test('one whose blocks do not fit together is given up for this time', async () => {
    const regtest = fresh();
    const node = asChain(regtest);
    const odd = regtest.tip.height + 1;
    const asks: number[] = [];
    const isWell: boolean[] = [];
    const chain: Chain = {
      ...node,
      block: async (at) => {
        const block = await node.block(at);
        if (at === odd) asks.push(at);
        return block && at === odd && asks.length % 2 === 1 && isWell.length === 0 ? { ...block, hash: 'ef'.repeat(32) } : block;
      },
    };
    const { follow } = bench(regtest, new Map(), new Map(), chain);
    await follow.poll();
    regtest.mine(3);
    await assert.rejects(follow.poll(), { code: 'node-behind' });
    isWell.push(true);
    await follow.poll();
    assert.equal(follow.trusted().tip.height, regtest.tip.height);
  });

  test('one that shows another chain is not relied on from that moment', async () => {
    const regtest = fresh();
    const elsewhere = createRegtest({ coin, now: () => 1_700_000_000_000 });
    elsewhere.mine(200);
    const [own, other] = [asChain(regtest), asChain(elsewhere)];
    const detours: Chain[] = [];
    const current = (): Chain => detours[0] ?? own;
    const chain: Chain = {
      ...own,
      status: () => current().status(),
      block: (at) => current().block(at),
      mempool: () => current().mempool(),
    };
    const { follow } = bench(regtest, new Map(), new Map(), chain);
    await follow.poll();
    detours.push(other);
    await assert.rejects(follow.poll(), { code: 'node-behind' });
    assert.throws(() => follow.trusted(), { code: 'node-behind' });
    detours.pop();
    await follow.poll();
    assert.equal(follow.trusted().tip.height, regtest.tip.height);
  });
});
