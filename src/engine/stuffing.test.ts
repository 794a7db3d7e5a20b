import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Amount, amount } from '../core/base/amount.ts';
import { type ChannelId, channelId, type TxId, txId } from '../core/base/bytes.ts';
import { type Height, height } from '../core/base/height.ts';
import { MOST_FOUND } from '../core/channel/payer-found-deposits.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { cltvMultisig } from '../core/contract/cltv-multisig.ts';
import type { Terms } from '../core/contract/contract.ts';
import { p2pkh } from '../core/tx/script.ts';
import { signer } from '../core/tx/sign.ts';
import { encodeTransaction, outpointKey, type Transaction, transactionId } from '../core/tx/transaction.ts';
import { type MemoryDisk, memoryStore } from '../store/memory.ts';
import { type Follower, follower } from './chain-follower.ts';
import type { WatchedOutputs } from './channel-role.ts';
import { type Chain, WorldError } from './ports.ts';
import { SpendIndex } from './spend-index.ts';
import { WatchList } from './watch-list.ts';

const payee = signer(new Uint8Array(32).fill(9));
const START = 1_000;
const NEVER = 400_000;
const VALUE = amount(100_000_000n);

function idOf(index: number): ChannelId {
  return channelId(index.toString(16).padStart(64, '0'));
}

function watchOf(index: number, deadline = NEVER, rest: Partial<WatchedOutputs> = {}): readonly [ChannelId, WatchedOutputs] {
  const terms: Terms = {
    coin,
    contract: cltvMultisig,
    payerKey: signer(new Uint8Array(32).fill(index + 10)).publicKey,
    payeeKey: payee.publicKey,
    expiry: height(deadline + 120),
    closingMargin: 120,
    signing: { kind: 'flexible', slot: 0 },
    payeeScript: p2pkh(payee.publicKey),
  };
  const deposits = [{ outpoint: { txid: txId(idOf(index)), vout: 0 }, value: VALUE }];
  return [idOf(index), { terms, deposits, sources: [], deadline: height(deadline), isPending: false, ...rest }];
}

function scriptOf([, { terms }]: readonly [ChannelId, WatchedOutputs]): Uint8Array {
  return terms.contract.outputScript(terms);
}

/** One standard transaction of many outputs to the same script. */
function stuffing(script: Uint8Array, count: number, value: (index: number) => Amount): Transaction {
  const outpoint = { txid: txId('ee'.repeat(32)), vout: 0 };
  const outputs = Array.from({ length: count }, (_, index) => ({ value: value(index), script }));
  return { version: 1, inputs: [{ outpoint, script: new Uint8Array(107), sequence: 0xffff_ffff }], outputs, lockTime: 0 };
}

interface Scene {
  readonly follow: Follower;
  /** Calls of the node but those for the tip, and channels as they are shown the chain. */
  readonly log: string[];
  readonly mine: (...transactions: readonly Transaction[]) => void;
  readonly mempool: Map<TxId, Transaction>;
  /** Called with every call of the node. */
  onCall: (call: string) => void;
}

/** A node of which every answer is known, and what is asked of it. */
function scene(watches: readonly (readonly [ChannelId, WatchedOutputs])[], onShown: (channel: ChannelId) => void = () => undefined): Scene {
  const log: string[] = [];
  const blocks: (readonly Transaction[])[] = [[]];
  const mempool = new Map<TxId, Transaction>();
  const hashAt = (at: number): string => at.toString(16).padStart(64, 'b');
  const tip = (): { height: Height; hash: string } => ({
    height: height(START + blocks.length - 1),
    hash: hashAt(START + blocks.length - 1),
  });
  const call = (name: string): void => {
    log.push(name);
    made.onCall(name);
  };
  const chain: Chain = {
    coin,
    tip: async () => tip(),
    status: async () => ({ tip: tip(), headers: tip().height, medianTime: 0, isCatchingUp: false }),
    block: async (at) => {
      call('block');
      if (at > tip().height || at < START) return undefined;
      const transactions = (blocks[at - START] ?? []).map((transaction) => ({ txid: transactionId(transaction), transaction }));
      return { height: at, hash: hashAt(at), previous: hashAt(at - 1), transactions };
    },
    output: async () => ({ value: VALUE, script: new Uint8Array(), depth: 100, coinbase: false }),
    transaction: () => assert.fail('nothing is missing'),
    unconfirmed: async (txid) => {
      call('unconfirmed');
      return mempool.get(txid);
    },
    mempool: async () => {
      call('mempool');
      return [...mempool.keys()];
    },
    waiting: async () => undefined,
    broadcast: async () => ({ kind: 'accepted' }),
    feeRate: async () => coin.policy.feeRate,
  };
  const all = async function* (): AsyncIterable<readonly [ChannelId, WatchedOutputs]> {
    yield* watches;
  };
  const observe = async (channel: ChannelId): Promise<boolean> => {
    log.push(channel);
    onShown(channel);
    return true;
  };
  const follow = follower(chain, memoryStore(), { all, observe }, { now: () => 0 });
  const made: Scene = { follow, log, mempool, mine: (...transactions) => void blocks.push(transactions), onCall: () => undefined };
  return made;
}

function fill(mempool: Map<TxId, Transaction>, count: number): void {
  for (let index = 0; index < count; index++) {
    const transaction = stuffing(new Uint8Array(25), 1, () => amount(BigInt(mempool.size + 1)));
    mempool.set(transactionId(transaction), transaction);
  }
}

for (const isMined of [true, false]) {
  test(`thousands of outputs in one transaction ${isMined ? 'of a block' : 'of the mempool'}: it is gone through once, and the most valuable are handed on`, async () => {
    const own = watchOf(1, NEVER, { leastFound: amount(500n) });
    let found: readonly { readonly deposit: { readonly value: Amount }; readonly transaction: Uint8Array }[] = [];
    const { outputs, ...rest } = stuffing(scriptOf(own), 3_000, (index) => amount(BigInt(index + 1)));
    let reads = 0;
    const counted: Transaction = {
      ...rest,
      get outputs() {
        reads++;
        return outputs;
      },
    };
    const store = memoryStore();
    const txid = transactionId({ ...rest, outputs });
    let blocks = 0;
    const chain: Chain = {
      coin,
      tip: async () => ({ height: height(START + blocks), hash: `${START + blocks}` }),
      status: async () => ({ tip: await chain.tip(), headers: START, medianTime: 0, isCatchingUp: false }),
      block: async (at) =>
        at <= START || at > START + blocks
          ? undefined
          : { height: at, hash: `${at}`, previous: `${at - 1}`, transactions: isMined ? [{ txid, transaction: counted }] : [] },
      output: async () => ({ value: VALUE, script: new Uint8Array(), depth: 100, coinbase: false }),
      transaction: async () => ({ transaction: counted, depth: 0 }),
      unconfirmed: async () => counted,
      mempool: async () => (isMined || blocks === 0 ? [] : [txid]),
      waiting: async () => undefined,
      broadcast: async () => assert.fail('nothing is due'),
      feeRate: async () => coin.policy.feeRate,
    };
    const all = async function* (): AsyncIterable<readonly [ChannelId, WatchedOutputs]> {
      yield own;
    };
    const observe = async (_: ChannelId, view: { readonly found: typeof found }): Promise<boolean> => {
      if (view.found.length > 0) found = view.found;
      return true;
    };
    const follow = follower(chain, store, { all, observe }, { now: () => 0 });
    await follow.poll();
    blocks = 1;
    await follow.poll();
    assert.equal(found.length, MOST_FOUND);
    assert.equal(
      found.reduce((least, { deposit }) => (deposit.value < least ? deposit.value : least), VALUE),
      3_000n - BigInt(MOST_FOUND) + 1n,
    );
    assert.equal(new Set(found.map(({ transaction }) => transaction)).size, 1, 'one copy of the transaction');
    assert.deepEqual(found[0]?.transaction, encodeTransaction({ ...rest, outputs }));
    assert.ok(reads <= 10, `gone through ${reads} times`);
  });
}

test('outputs that are worth too little, and any to who takes none unannounced, make nobody look', async () => {
  const [taker, other] = [watchOf(1, NEVER, { leastFound: amount(500n) }), watchOf(2)];
  const { follow, log, mine } = scene([taker, other]);
  await follow.poll();
  log.length = 0;
  mine(
    stuffing(scriptOf(taker), 100, () => amount(499n)),
    stuffing(scriptOf(other), 100, () => VALUE),
  );
  await follow.poll();
  assert.deepEqual(
    log.filter((one) => one === taker[0] || one === other[0]),
    [],
  );
  mine(stuffing(scriptOf(taker), 1, () => amount(500n)));
  await follow.poll();
  assert.ok(log.includes(taker[0]));
});

test('what is due is done before the mempool is read, and before the channels in which nothing is due; the longest due first', async () => {
  const busy = Array.from({ length: 50 }, (_, index) => watchOf(index + 10, NEVER, { isPending: true }));
  const [late, later] = [watchOf(1, START + 1), watchOf(2, START + 2)];
  const { follow, log, mine, mempool } = scene([...busy, later, late]);
  await follow.poll();
  fill(mempool, 100);
  mine();
  mine();
  log.length = 0;
  await follow.poll();
  assert.deepEqual(log.filter((one) => one !== 'block').slice(0, 3), [late[0], later[0], 'mempool']);
  assert.equal(log.filter((one) => one === 'unconfirmed').length, 100);
  assert.ok(busy.every(([channel]) => log.includes(channel)));
});

test('a mempool without end does not keep a close from being due at the next block; each transaction is asked for once', async () => {
  const due = watchOf(1, START + 2);
  const made = scene([due]);
  const { follow, log, mine, mempool } = made;
  await follow.poll();
  mine();
  log.length = 0;
  // With every transaction that is read two more come in; a block comes while it is read.
  fill(mempool, 200);
  let asked = 0;
  made.onCall = (call) => {
    if (call !== 'unconfirmed') return;
    fill(mempool, 2);
    if (++asked === 40) mine();
  };
  await follow.poll();
  assert.ok(!log.includes(due[0]), 'not due yet');
  assert.ok(log.filter((one) => one === 'unconfirmed').length < 100, 'the rest waits');
  log.length = 0;
  await follow.poll();
  assert.equal(
    log.find((one) => one !== 'block'),
    due[0],
  );
  made.onCall = () => undefined;
  await follow.poll();
  await follow.poll();
  const before = log.filter((one) => one === 'unconfirmed').length;
  await follow.poll();
  assert.equal(log.filter((one) => one === 'unconfirmed').length, before);
});

test('a block that comes while many channels are shown the chain: what it makes due is next, and the rest is not forgotten', async () => {
  const busy = Array.from({ length: 100 }, (_, index) => watchOf(index + 10, NEVER, { isPending: true }));
  const due = watchOf(1, START + 2);
  const shown: ChannelId[] = [];
  const made = scene([...busy, due], (channel) => {
    shown.push(channel);
    if (shown.length === 5) made.mine();
  });
  await made.follow.poll();
  shown.length = 0;
  made.mine();
  await made.follow.poll();
  assert.ok(shown.length < 40, `${shown.length} before the next block is looked at`);
  shown.length = 5;
  await made.follow.poll();
  assert.equal(shown[5], due[0]);
  await made.follow.poll();
  assert.ok(busy.every(([channel]) => shown.includes(channel)));
  assert.equal(made.follow.report().waiting, 0);
});

test('after a long time away what is due is done after some blocks, not after all of them', async () => {
  const due = watchOf(1, START + 900);
  const { follow, log, mine } = scene([due]);
  await follow.poll();
  log.length = 0;
  for (let block = 0; block < 1_000; block++) mine();
  await follow.poll();
  assert.ok(log.indexOf(due[0]) <= 100, `after ${log.indexOf(due[0])} blocks`);
  assert.equal(log.filter((one) => one === 'block').length, 1_000);
});

test('a node that does not answer for one transaction is not asked for thousands more; that one comes last the next time', async () => {
  const { follow, log, mempool } = scene([watchOf(1)]);
  await follow.poll();
  fill(mempool, 100);
  const [slow] = mempool.keys();
  const get = mempool.get.bind(mempool);
  mempool.get = (txid) => {
    if (txid === slow) throw new WorldError('node-down', 'no answer', 'wait');
    return get(txid);
  };
  await assert.rejects(follow.poll(), /no answer/);
  const first = log.filter((one) => one === 'unconfirmed').length;
  assert.ok(first < 50, `${first} were asked for`);
  await assert.rejects(follow.poll(), /no answer/);
  assert.equal(log.filter((one) => one === 'unconfirmed').length, 101);
});

test('one large transaction that spends what many deposits were made of is stored once, also when who it is stored with has ended', async () => {
  const disk: MemoryDisk = new Map();
  const list = new WatchList();
  const spent = Array.from({ length: 50 }, (_, vout) => ({ txid: txId('dd'.repeat(32)), vout }));
  const watches = spent.map((outpoint, index) => {
    const [channel, watch] = watchOf(index);
    const deposit = watch.deposits[0]?.outpoint ?? assert.fail();
    return [channel, { ...watch, sources: [{ deposit, spends: [outpoint] }] }] as const;
  });
  for (const [channel, watch] of watches) list.set(channel, watch);
  const { outputs, inputs, ...rest } = stuffing(new Uint8Array(25), 2_000, () => VALUE);
  const large = { ...rest, outputs, inputs: spent.map((outpoint) => ({ ...inputs[0], outpoint, script: new Uint8Array(), sequence: 0 })) };
  const bytes = encodeTransaction(large).length;
  const save = async (spendIndex: SpendIndex): Promise<number> => {
    const writes = spendIndex.writes();
    assert.ok(await memoryStore(disk).commit(writes));
    spendIndex.committed(writes);
    assert.deepEqual(spendIndex.writes(), []);
    return [...(disk.get('spend')?.values() ?? [])].reduce((sum, { value }) => sum + value.length, 0);
  };
  const before = new SpendIndex(memoryStore(disk), list);
  before.note({ txid: transactionId(large), transaction: large }, height(START));
  assert.ok((await save(before)) < 3 * bytes);
  for (const end of [0, 25, 49]) {
    const [channel] = watches[end] ?? assert.fail();
    list.set(channel, undefined);
    const spendIndex = new SpendIndex(memoryStore(disk), list);
    await spendIndex.load();
    const [last] = spent.slice(10, 11);
    assert.deepEqual(last && spendIndex.spendOf(outpointKey(last), height(START))?.transaction.inputs.length, 50);
    assert.ok((await save(spendIndex)) < 3 * bytes);
  }
  assert.equal(disk.get('spend')?.size, 47);
});

test('a noted spend that names one which is not there is damage', async () => {
  const store = memoryStore();
  const record = (value: object): string => JSON.stringify(value);
  await store.commit([{ kind: 'spend', id: 'a', expected: 0, value: record({ height: 1, of: 'b' }) }]);
  await assert.rejects(new SpendIndex(store, new WatchList()).load(), /cut short/);
});
