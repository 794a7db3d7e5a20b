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

  async read(): Promise<readonly ChannelId[]> {
    this.#sightings.forgetUnconfirmed();
    const known = new Map<TxId, Transaction | undefined>();
    const touched: ChannelId[] = [];
    for (const txid of await this.#chain.mempool()) {
      const transaction = this.#known.has(txid) ? this.#known.get(txid) : (await this.#chain.transaction(txid))?.transaction;
      const channels = transaction === undefined ? [] : this.#sightings.note(transaction, undefined);
      known.set(txid, channels.length > 0 ? transaction : undefined);
      touched.push(...channels);
    }
    this.#known = known;
    return touched;
  }
}
