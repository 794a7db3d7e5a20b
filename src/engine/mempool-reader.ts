import type { ChannelId, TxId } from '../core/base/bytes.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { isNoAnswer } from './node-health.ts';
import type { Chain, ReadingProgress } from './ports.ts';
import type { SpendIndex } from './spend-index.ts';

/** Transactions requested at once, before it is checked whether there is time for more: each may be most of a megabyte of hex. */
const AT_ONCE = 25;
const NOBODY: ReadonlySet<ChannelId> = new Set();

/**
 * When the mempool is read: with every reading, or only when a deposit is missing that no block has spent. In the second case a new deposit is seen
 * only in a block, and an unconfirmed spend only when its channel gets a view: at the first reading, and with every block.
 */
export type MempoolReading = 'always' | 'when-missing';

export interface ReadingOptions {
  /** `always` unless given: a program that runs for one command has no time to read a large mempool. */
  readonly mempool?: MempoolReading | undefined;
  readonly onProgress?: ReadingProgress | undefined;
}

/** Reads each mempool transaction once, and keeps those that touch a channel while they are in the mempool. */
export class MempoolReader {
  readonly #chain: Chain;
  readonly #spendIndex: SpendIndex;
  readonly #reading: MempoolReading;
  readonly #onProgress: ReadingProgress | undefined;
  #known = new Map<TxId, Transaction | undefined>();
  /** Transactions that could not be read; they come last the next time. */
  #failed: ReadonlySet<TxId> = new Set();

  constructor(chain: Chain, spendIndex: SpendIndex, { mempool = 'always', onProgress }: ReadingOptions) {
    this.#chain = chain;
    this.#spendIndex = spendIndex;
    this.#reading = mempool;
    this.#onProgress = onProgress;
  }

  /** Calls `read` if that is done with every reading; otherwise nothing counts as in the mempool until `read` is called. */
  async look(touched: Set<ChannelId>, goesOn: () => Promise<boolean>): Promise<boolean> {
    if (this.#reading === 'always') return this.read(touched, goesOn);
    this.#spendIndex.forgetUnconfirmed();
    return true;
  }

  /**
   * Adds the channels that transactions touch to `touched`. One transaction that can't be read does not stop the others. The mempool may be very
   * large: `goesOn` says whether there is time for more; the rest is read the next time.
   * @returns whether everything was read.
   * @throws WorldError the first failure, after the rest; at once when the node does not answer.
   */
  async read(touched: Set<ChannelId>, goesOn: () => Promise<boolean>): Promise<boolean> {
    const txids = await this.#chain.mempool();
    this.#spendIndex.forgetUnconfirmed();
    const before = this.#known;
    this.#known = new Map();
    for (const txid of txids) if (before.has(txid)) this.#keep(txid, before.get(txid), touched);
    const failures = new Map<TxId, unknown>();
    const fresh = txids.filter((txid) => !before.has(txid));
    const queue = [...fresh.filter((txid) => !this.#failed.has(txid)), ...fresh.filter((txid) => this.#failed.has(txid))];
    const tell = (done: number): void => this.#onProgress?.('mempool', done, queue.length);
    let read = 0;
    if (queue.length > 0) tell(read);
    for (let isOn = true; isOn && read < queue.length; ) {
      // Both are asked for in one turn of the event loop, so they are sent as one request.
      const going = Promise.allSettled([goesOn()]);
      await this.#ask(queue.slice(read, read + AT_ONCE), touched, failures);
      const [next] = await going;
      if (next.status === 'rejected') throw next.reason;
      isOn = next.value && ![...failures.values()].some(isNoAnswer);
      read = Math.min(read + AT_ONCE, queue.length);
      tell(read);
    }
    this.#failed = new Set(failures.keys());
    for (const failure of failures.values()) throw failure;
    return read >= queue.length;
  }

  async #ask(txids: readonly TxId[], touched: Set<ChannelId>, failures: Map<TxId, unknown>): Promise<void> {
    const ask = async (txid: TxId): Promise<readonly [TxId, Transaction | undefined]> => {
      try {
        return [txid, await this.#chain.unconfirmed(txid)];
      } catch (error) {
        failures.set(txid, error);
        return [txid, undefined];
      }
    };
    for (const [txid, transaction] of await Promise.all(txids.map(ask))) {
      if (!failures.has(txid)) this.#keep(txid, transaction, touched);
    }
  }

  #keep(txid: TxId, transaction: Transaction | undefined, touched: Set<ChannelId>): void {
    const channels = transaction === undefined ? NOBODY : this.#spendIndex.note({ txid, transaction }, undefined);
    this.#known.set(txid, channels.size > 0 ? transaction : undefined);
    for (const channel of channels) touched.add(channel);
  }
}
