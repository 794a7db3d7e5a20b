import assert from 'node:assert/strict';
import { amount } from '../src/core/base/amount.ts';
import { type ChannelId, channelId, txId } from '../src/core/base/bytes.ts';
import { after, height } from '../src/core/base/height.ts';
import { dogecoin } from '../src/core/coin/dogecoin.ts';
import { cltvMultisig } from '../src/core/contract/cltv-multisig.ts';
import { closingAt } from '../src/core/contract/contract.ts';
import { TX_SEQUENCE, TX_VERSION } from '../src/core/contract/form.ts';
import { p2pkh, p2sh } from '../src/core/tx/script.ts';
import { signer } from '../src/core/tx/sign.ts';
import { type Transaction, transactionId } from '../src/core/tx/transaction.ts';
import { type Follower, follower } from '../src/engine/chain-follower.ts';
import type { WatchedOutputs } from '../src/engine/channel-role.ts';
import type { Block, Chain } from '../src/engine/ports.ts';
import { memoryStore } from '../src/store/memory.ts';
import { inProcess, type Row } from './measure.ts';

const coin = dogecoin;
const START = height(6_000_000);
const VALUE = amount(100_000_000n);
const SCRIPT = new Uint8Array(23).fill(7);
/** A busy block; nothing in it concerns any channel. */
const TRANSACTIONS = 100;
const KINDS = 20;
const [payerKey, payeeKey] = [8, 9].map((byte) => signer(new Uint8Array(32).fill(byte)).publicKey);

/** What a block costs a merchant, from the parsed block on, with that many channels to which nothing happens. */
export function followRow(idle: number, blocks: number): Row {
  const chain = busyChain();
  let follow: Follower | undefined;
  const title = `a block, ${idle.toLocaleString('en')} idle channels`;
  return inProcess(
    { id: `follow-${idle}`, title, operations: blocks },
    {
      prepare: async () => {
        follow ??= await followIdle(chain, idle);
      },
      run: async () => {
        for (let i = 0; i < blocks; i++) {
          chain.mine();
          await (follow ?? assert.fail('not prepared')).poll();
        }
      },
    },
  );
}

/** What a block of 100 kB costs: one of the usual transactions, or a single one of outputs to the script of a channel that takes what it finds. */
export function stuffedRow(kind: 'usual' | 'stuffed', blocks: number): Row {
  const [channel, idle] = idleWatch(0);
  const watch = { ...idle, leastFound: amount(1n) };
  const usual = Array.from({ length: 270 }, (_, index) => made(0, index));
  const outputScript = watch.terms.contract.outputScript(watch.terms);
  const chain = busyChain(kind === 'stuffed' ? [[madeOf(Array.from({ length: 3_100 }, () => outputScript))]] : [usual]);
  let follow: Follower | undefined;
  return inProcess(
    {
      id: `block-${kind}`,
      title: `a block of 100 kB, ${kind}`,
      operations: blocks,
    },
    {
      prepare: async () => {
        follow ??= await following(chain, [[channel, watch]]);
      },
      run: async () => {
        for (let i = 0; i < blocks; i++) {
          chain.mine();
          await (follow ?? assert.fail('not prepared')).poll();
        }
      },
    },
  );
}

async function followIdle(chain: Chain, idle: number): Promise<Follower> {
  return following(
    chain,
    Array.from({ length: idle }, (_, index) => idleWatch(index)),
  );
}

async function following(chain: Chain, watches: readonly (readonly [ChannelId, WatchedOutputs])[]): Promise<Follower> {
  let shown = 0;
  const follow = follower(
    chain,
    memoryStore(),
    {
      all: async function* () {
        yield* watches;
      },
      observe: async () => {
        shown++;
        return true;
      },
    },
    { now: Date.now },
  );
  await follow.poll();
  assert.equal(shown, watches.length, 'each is shown the chain once');
  return follow;
}

function idleWatch(index: number): readonly [ChannelId, WatchedOutputs] {
  const id = index.toString(16).padStart(64, '0');
  // Another expiry makes another script.
  const terms = {
    coin,
    contract: cltvMultisig,
    payerKey: payerKey ?? assert.fail('a key'),
    payeeKey: payeeKey ?? assert.fail('a key'),
    expiry: after(START, 100_000 + index),
    closingMargin: 120,
    signing: { kind: 'flexible', slot: 0 },
    payeeScript: p2pkh(new Uint8Array(33).fill(2)),
  } as const;
  const deposits = [{ outpoint: { txid: txId(id), vout: 0 }, value: VALUE }];
  return [channelId(id), { terms, deposits, sources: [], deadline: closingAt(terms), isPending: false }];
}

/** A chain of full blocks, as a node's answers are once they are read. */
function busyChain(kinds: readonly Block['transactions'][] = busyBlocks()): Chain & { readonly mine: () => void } {
  let top = START;
  const hashAt = (at: number): string => at.toString(16).padStart(64, '0');
  const tip = () => ({ height: top, hash: hashAt(top) });
  return {
    coin,
    mine: () => {
      top = after(top, 1);
    },
    tip: async () => tip(),
    status: async () => ({ tip: tip(), headers: top, medianTime: Date.now(), isCatchingUp: false }),
    block: async (at) =>
      at > top ? undefined : { height: at, hash: hashAt(at), previous: hashAt(at - 1), transactions: kinds[at % kinds.length] ?? [] },
    output: async () => ({ value: VALUE, script: SCRIPT, depth: 100, coinbase: false }),
    transaction: async () => undefined,
    mempool: async () => [],
    unconfirmed: async () => undefined,
    waiting: async () => undefined,
    broadcast: async () => assert.fail('nothing is due'),
    feeRate: async () => coin.policy.feeRate,
  };
}

function busyBlocks(): readonly Block['transactions'][] {
  return Array.from({ length: KINDS }, (_, kind) => Array.from({ length: TRANSACTIONS }, (_, index) => made(kind, index)));
}

function madeOf(scripts: readonly Uint8Array[]): Block['transactions'][number] {
  const inputs = [{ outpoint: { txid: txId('e'.repeat(64)), vout: 0 }, script: new Uint8Array(107), sequence: TX_SEQUENCE }];
  const transaction = { version: TX_VERSION, inputs, outputs: scripts.map((script) => ({ value: VALUE, script })), lockTime: 0 };
  return { txid: transactionId(transaction), transaction };
}

function made(kind: number, index: number): Block['transactions'][number] {
  const txid = txId((kind * TRANSACTIONS + index + 1).toString(16).padStart(64, 'a'));
  const hash = new Uint8Array(20).fill(kind);
  hash[19] = index;
  const transaction: Transaction = {
    version: TX_VERSION,
    inputs: [0, 1].map((vout) => ({ outpoint: { txid, vout }, script: new Uint8Array(107), sequence: TX_SEQUENCE })),
    outputs: [p2pkh(new Uint8Array(33).fill(index)), p2sh(hash)].map((script) => ({ value: VALUE, script })),
    lockTime: 0,
  };
  return { txid: transactionId(transaction), transaction };
}
