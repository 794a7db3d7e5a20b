import type { ChannelId, TxId } from '../core/base/bytes.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { isSilence } from './judge.ts';
import type { Chain } from './ports.ts';
import type { Sightings } from './sightings.ts';

/** Transactions after which it is seen whether there is time for more. They are asked for one by one: each may take a megabyte of answer. */
const AT_ONCE = 25;
const NOBODY: ReadonlySet<ChannelId> = new Set();

/** Reads each mempool transaction once, and keeps those that touch a channel for as long as they stay there. */
export class UnconfirmedReader {
  readonly #chain: Chain;
  readonly #sightings: Sightings;
  #known = new Map<TxId, Transaction | undefined>();
  /** What could not be read comes last the next time. */
  #failed: ReadonlySet<TxId> = new Set();

  constructor(chain: Chain, sightings: Sightings) {
    this.#chain = chain;
    this.#sightings = sightings;
  }

  /**
   * Adds the channels that something touches to `touched`. One transaction that can't be read keeps nobody from the others. A mempool may hold any
   * number of them: `goesOn` says whether there is time for more; the rest is read the next time.
   * @returns whether all was read.
   * @throws WorldError what could not be read, after the rest; at once when the node does not answer.
   */
  async read(touched: Set<ChannelId>, goesOn: () => Promise<boolean>): Promise<boolean> {
    const txids = await this.#chain.mempool();
    this.#sightings.forgetUnconfirmed();
    const before = this.#known;
    this.#known = new Map();
    for (const txid of txids) if (before.has(txid)) this.#keep(txid, before.get(txid), touched);
    const failures = new Map<TxId, unknown>();
    const fresh = txids.filter((txid) => !before.has(txid));
    const queue = [...fresh.filter((txid) => !this.#failed.has(txid)), ...fresh.filter((txid) => this.#failed.has(txid))];
    let read = 0;
    for (const txid of queue) {
      if (read > 0 && read % AT_ONCE === 0 && !(await goesOn())) break;
      await this.#ask(txid, touched).catch((error: unknown) => failures.set(txid, error));
      read++;
      if (isSilence(failures.get(txid))) break;
    }
    this.#failed = new Set(failures.keys());
    for (const failure of failures.values()) throw failure;
    return read >= queue.length;
  }

  async #ask(txid: TxId, touched: Set<ChannelId>): Promise<void> {
    this.#keep(txid, (await this.#chain.transaction(txid))?.transaction, touched);
  }

  #keep(txid: TxId, transaction: Transaction | undefined, touched: Set<ChannelId>): void {
    const channels = transaction === undefined ? NOBODY : this.#sightings.note({ txid, transaction }, undefined);
    this.#known.set(txid, channels.size > 0 ? transaction : undefined);
    for (const channel of channels) touched.add(channel);
  }
}
