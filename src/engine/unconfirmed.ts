import type { ChannelId, TxId } from '../core/base/bytes.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import type { Chain } from './ports.ts';
import type { Sightings } from './sightings.ts';

/** Reads each mempool transaction once, and keeps those that touch a channel for as long as they stay there. */
export class UnconfirmedReader {
  readonly #chain: Chain;
  readonly #sightings: Sightings;
  #known = new Map<TxId, Transaction | undefined>();

  constructor(chain: Chain, sightings: Sightings) {
    this.#chain = chain;
    this.#sightings = sightings;
  }

  /**
   * Adds the channels that something touches to `touched`. One transaction that can't be read keeps nobody from the others.
   * @throws WorldError what could not be read, after the rest.
   */
  async read(touched: Set<ChannelId>): Promise<void> {
    const txids = await this.#chain.mempool();
    this.#sightings.forgetUnconfirmed();
    const known = new Map<TxId, Transaction | undefined>();
    const failures: unknown[] = [];
    for (const txid of txids) {
      try {
        const transaction = this.#known.has(txid) ? this.#known.get(txid) : (await this.#chain.transaction(txid))?.transaction;
        const channels = transaction === undefined ? [] : this.#sightings.note(transaction, undefined);
        known.set(txid, channels.length > 0 ? transaction : undefined);
        for (const channel of channels) touched.add(channel);
      } catch (error) {
        failures.push(error);
      }
    }
    this.#known = known;
    for (const failure of failures) throw failure;
  }
}
