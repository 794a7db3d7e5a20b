import { amount } from '../../src/core/base/amount.ts';
import type { TxId } from '../../src/core/base/bytes.ts';
import type { height } from '../../src/core/base/height.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import type { Transaction } from '../../src/core/tx/transaction.ts';
import { outpointKey } from '../../src/core/tx/transaction.ts';
import { type Broadcast, type Chain, WorldError } from '../../src/engine/ports.ts';
import { blockAt, costIn, medianTime, type SimChain, START, type View } from './chain.ts';
import type { Process, Stage } from './stage.ts';

export type NodeFault = 'node-error' | 'node-error-after' | 'node-stale-answer';

/** One party's node. It may be down, fail at any call, or have stopped hearing of the chain without knowing. */
export class SimNode {
  readonly #chain: SimChain;
  readonly #stage: Stage;
  /** What it answers from when it is cut off. */
  stale: View | undefined;
  isDown: boolean = false;
  /** Probability that a call fails. */
  failure = 0;
  onFault: (fault: NodeFault) => void = () => undefined;
  onMempool: () => void = () => undefined;
  onBroadcast: (transaction: Transaction, outcome: Broadcast) => void = () => undefined;

  constructor(chain: SimChain, stage: Stage) {
    this.#chain = chain;
    this.#stage = stage;
  }

  get isSound(): boolean {
    return this.stale === undefined && !this.isDown && this.failure === 0;
  }

  #ask<T>(process: Process, label: string, act: (view: View) => T): Promise<T> {
    return this.#stage.ask(process, label, () => {
      if (this.isDown || this.#stage.chance.happens(this.failure)) this.#fail('node-error');
      if (this.stale !== undefined) this.onFault('node-stale-answer');
      const answer = act(this.stale ?? this.#chain);
      if (this.#stage.chance.happens(this.failure)) this.#fail('node-error-after');
      return answer;
    });
  }

  #fail(fault: NodeFault): never {
    this.onFault(fault);
    throw new WorldError('node-down', 'the node does not answer', 'Look after the node.');
  }

  port(process: Process): Chain {
    const ask = <T>(label: string, act: (view: View) => T): Promise<T> => this.#ask(process, label, act);
    return {
      coin,
      tip: () => ask('tip', (view) => tipOf(view)),
      status: () =>
        ask('tip', (view) => ({
          tip: tipOf(view),
          headers: tipOf(view).height,
          medianTime: medianTime(view) * 1_000,
          isCatchingUp: false,
        })),
      block: (at) => ask(`block ${at}`, (view) => blockAt(view, at)),
      output: (outpoint) =>
        ask('output', (view) => {
          const key = outpointKey(outpoint);
          const isSpent = [...view.pool.values()].some(({ transaction }) =>
            transaction.inputs.some((input) => outpointKey(input.outpoint) === key),
          );
          const mined = view.outputs.get(key);
          const made = mined ?? view.pool.get(outpoint.txid)?.transaction.outputs[outpoint.vout];
          if (isSpent || made === undefined) return undefined;
          const depth = mined === undefined ? 0 : tipOf(view).height - mined.height + 1;
          return { value: amount(made.value), script: made.script, depth, coinbase: false };
        }),
      transaction: (txid) => ask('transaction', (view) => transactionIn(view, txid)),
      unconfirmed: (txid) => ask('transaction', (view) => transactionIn(view, txid)?.transaction),
      mempool: () =>
        ask('mempool', (view) => {
          this.onMempool();
          return [...view.pool.keys()];
        }),
      // Asked beside another question each time: it takes no turn of its own.
      waiting: async (txid) => costIn(this.stale ?? this.#chain, txid),
      broadcast: (transaction) =>
        ask('broadcast', () => {
          // A node that hears of nothing is heard by nobody.
          const outcome: Broadcast = this.stale === undefined ? this.#chain.accept(transaction) : { kind: 'accepted' };
          this.onBroadcast(transaction, outcome);
          return outcome;
        }),
      feeRate: () => ask('fee rate', (view) => amount(view.feeRate)),
    };
  }
}

function transactionIn(view: View, txid: TxId): { readonly transaction: Transaction; readonly depth: number } | undefined {
  const waiting = view.pool.get(txid);
  if (waiting !== undefined) return { transaction: waiting.transaction, depth: 0 };
  const mined = view.mined.get(txid);
  if (mined === undefined || !mined.transaction.outputs.some((_, i) => view.outputs.has(`${txid}:${i}`))) return undefined;
  return { transaction: mined.transaction, depth: tipOf(view).height - mined.height + 1 };
}

function tipOf(view: View): { readonly height: ReturnType<typeof height>; readonly hash: string } {
  const tip = view.blocks.at(-1) ?? blockAt(view, START - 1);
  if (tip === undefined) throw new Error('a chain has a tip');
  return { height: tip.height, hash: tip.hash };
}
