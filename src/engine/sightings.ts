import { z } from 'zod';
import { isAmount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { type Height, height as heightOf } from '../core/base/height.ts';
import type { ChainView } from '../core/channel/machine.ts';
import { heightField, transactionField } from '../core/message/fields.ts';
import { encodeTransaction, outpointKey, type Transaction, transactionId } from '../core/tx/transaction.ts';
import type { SeenSpend } from './lookup.ts';
import type { Store, Write } from './ports.ts';
import { restoredJson } from './restore.ts';
import type { WatchList } from './watch-list.ts';

const RECORD_KIND = 'spend';
const spendField = z.strictObject({ height: heightField, transaction: transactionField });

interface MinedSpend {
  readonly height: Height;
  readonly transaction: Transaction;
}

interface Stored extends MinedSpend {
  readonly version: number;
}

/** Who spent which watched deposit. Nodes do not answer that, so it is noted while reading blocks, and kept until the channel has ended. */
export class Sightings {
  readonly #store: Store;
  readonly #list: WatchList;
  readonly #stored = new Map<string, Stored>();
  readonly #mined = new Map<string, MinedSpend>();
  #unconfirmed = new Map<string, Transaction>();
  #found = new Map<ChannelId, ChainView['found']>();
  /** Outputs that were met, by outpoint: one can be spent before its channel has taken it in. */
  readonly #foundIn = new Map<string, ChannelId>();

  constructor(store: Store, list: WatchList) {
    this.#store = store;
    this.#list = list;
  }

  /** @throws WorldError `store-damaged` */
  async load(): Promise<void> {
    for await (const { id, version, value } of this.#store.list(RECORD_KIND)) {
      const spend = restoredJson(spendField, `The noted spend of ${id}`, value);
      this.#stored.set(id, { ...spend, version });
      this.#mined.set(id, spend);
    }
  }

  /** Notes what a transaction does to watched channels; they are returned. Without a height it is in the mempool. */
  note(transaction: Transaction, height: Height | undefined): readonly ChannelId[] {
    const touched: ChannelId[] = [];
    for (const { outpoint } of transaction.inputs) {
      const key = outpointKey(outpoint);
      const channels = this.#channelsOf(key, transaction);
      if (channels.length === 0) continue;
      if (height === undefined) this.#unconfirmed.set(key, transaction);
      else this.#mined.set(key, { height, transaction });
      touched.push(...channels);
    }
    return [...touched, ...this.#noteOutputs(transaction)];
  }

  /** Whose deposit this was, or would have come from it; the transaction that makes the deposit is no news. */
  #channelsOf(key: string, transaction: Transaction): readonly ChannelId[] {
    const channel = this.#list.channelOfOutpoint(key) ?? this.#foundIn.get(key);
    if (channel !== undefined) return [channel];
    const channels = this.#list.channelsOfSource(key);
    if (channels.size === 0) return [];
    const txid = transactionId(transaction);
    return [...channels].filter((each) => !this.#list.get(each)?.deposits.some(({ outpoint }) => outpoint.txid === txid));
  }

  #noteOutputs(transaction: Transaction): readonly ChannelId[] {
    const touched: ChannelId[] = [];
    for (const [vout, { value, script }] of transaction.outputs.entries()) {
      const channel = this.#list.channelOfScript(script);
      if (channel === undefined || !isAmount(value)) continue;
      const outpoint = { txid: transactionId(transaction), vout };
      touched.push(channel);
      if (this.#list.channelOfOutpoint(outpointKey(outpoint)) !== undefined) continue;
      this.putFound(channel, [{ deposit: { outpoint, value }, transaction: encodeTransaction(transaction) }]);
    }
    return touched;
  }

  /** The mempool is read anew each time; what left it is no longer seen. */
  forgetUnconfirmed(): void {
    this.#unconfirmed = new Map();
  }

  /** Outputs that were met since the last call, for the channel they pay to. */
  takeFound(channel: ChannelId): ChainView['found'] {
    const found = this.#found.get(channel) ?? [];
    this.#found.delete(channel);
    for (const { deposit } of found) this.#foundIn.delete(outpointKey(deposit.outpoint));
    return found;
  }

  /** Notes what was met; also again, where it was taken and did not get through. */
  putFound(channel: ChannelId, found: ChainView['found']): void {
    const fresh = found.filter(({ deposit }) => !this.#foundIn.has(outpointKey(deposit.outpoint)));
    if (fresh.length === 0) return;
    for (const { deposit } of fresh) this.#foundIn.set(outpointKey(deposit.outpoint), channel);
    this.#found.set(channel, [...(this.#found.get(channel) ?? []), ...fresh]);
  }

  /** Blocks above `height` are no longer in the best chain. */
  rollBack(height: Height): void {
    for (const [key, spend] of this.#mined) if (spend.height > height) this.#mined.delete(key);
  }

  spendOf(key: string, tip: Height): SeenSpend | undefined {
    const mined = this.#mined.get(key);
    if (mined !== undefined) return { transaction: mined.transaction, depth: Math.max(0, tip - mined.height + 1) };
    const unconfirmed = this.#unconfirmed.get(key);
    return unconfirmed && { transaction: unconfirmed, depth: 0 };
  }

  /** Channels of which something was spent: their end is not buried yet. */
  get ending(): readonly ChannelId[] {
    return [...this.#mined].flatMap(([key, { transaction }]) => this.#channelsOf(key, transaction));
  }

  /** What the store lacks or has too much of. Spends of channels that have ended are of no more use. */
  writes(): readonly Write[] {
    const wanted = new Map([...this.#mined].filter(([key]) => this.#isWatched(key)));
    const gone = [...this.#stored].filter(([key]) => !wanted.has(key));
    const fresh = [...wanted].filter(([key, { height }]) => this.#stored.get(key)?.height !== height);
    return [
      ...gone.map(([id, { version }]) => ({ kind: RECORD_KIND, id, expected: version, value: undefined })),
      ...fresh.map(([id, spend]) => ({
        kind: RECORD_KIND,
        id,
        expected: this.#stored.get(id)?.version ?? 0,
        value: JSON.stringify(z.encode(spendField, { ...spend, height: heightOf(spend.height) })),
      })),
    ];
  }

  #isWatched(key: string): boolean {
    return this.#list.channelOfOutpoint(key) !== undefined || this.#list.channelsOfSource(key).size > 0;
  }

  /** The writes are on the disk. */
  committed(writes: readonly Write[]): void {
    for (const { id, expected, value } of writes) {
      const spend = this.#mined.get(id);
      if (value === undefined || spend === undefined) {
        this.#stored.delete(id);
        this.#mined.delete(id);
      } else this.#stored.set(id, { ...spend, version: expected + 1 });
    }
  }
}
