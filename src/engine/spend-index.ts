import * as z from 'zod';
import { type Amount, isAmount, MAX_AMOUNT } from '../core/base/amount.ts';
import { type ChannelId, equalBytes, type TxId } from '../core/base/bytes.ts';
import { type Height, height as heightOf } from '../core/base/height.ts';
import type { ChainView } from '../core/channel/state-machine.ts';
import { MOST_LOCKS } from '../core/contract/hash-lock.ts';
import { heightField, transactionField } from '../core/message/fields.ts';
import { encodeTransaction, outpointKey, type Transaction, transactionId } from '../core/tx/transaction.ts';
import { decodeStoredJson } from './decode-state.ts';
import type { SeenSpend } from './deposit-lookup.ts';
import { DepositScan, mostValuable } from './deposit-scan.ts';
import { type Block, type Store, WorldError, type Write } from './ports.ts';
import type { WatchList } from './watch-list.ts';

const RECORD_KIND = 'spend';
/** A transaction that spends many watched outputs is stored with one of them; the others refer to that one. */
const spendField = z.union([
  z.strictObject({ height: heightField, transaction: transactionField }),
  z.strictObject({ height: heightField, of: z.string() }),
]);

/** A transaction with its id, which is computed once: it may be large, and concern many channels. */
export type IndexedSpend = Block['transactions'][number];

/** A close has the payer's change, the payee's part, and what is pending: a payee may add inputs, but no outputs. */
const MOST_HELD = 2 + MOST_LOCKS;

interface MinedSpend extends IndexedSpend {
  readonly height: Height;
}

interface Stored {
  readonly version: number;
  readonly height: Height;
  /** The outpoint with which the transaction is stored. */
  readonly of: string;
}

/**
 * Which transaction spent which watched deposit. Nodes do not answer that, so it is recorded while reading blocks, and kept until the channel has
 * ended.
 */
export class SpendIndex {
  readonly #store: Store;
  readonly #list: WatchList;
  readonly #stored = new Map<string, Stored>();
  readonly #mined = new Map<string, MinedSpend>();
  /** What the store holds once the last writes are committed. */
  #wanted = new Map<string, Omit<Stored, 'version'>>();
  #mempoolReader = new Map<string, Transaction>();
  readonly #depositScan = new DepositScan();
  /** Outputs of transactions that spent deposits; some may be held for one side. */
  readonly #closed = new Map<string, ChannelId>();

  constructor(store: Store, list: WatchList) {
    this.#store = store;
    this.#list = list;
  }

  /** @throws WorldError `store-damaged` */
  async load(): Promise<void> {
    const whole = new Map<string, IndexedSpend>();
    for await (const { id, version, value } of this.#store.list(RECORD_KIND)) {
      const noted = decodeStoredJson(spendField, `The noted spend of ${id}`, value);
      this.#stored.set(id, { version, height: noted.height, of: 'of' in noted ? noted.of : id });
      if ('transaction' in noted) whole.set(id, { txid: transactionId(noted.transaction), transaction: noted.transaction });
    }
    for (const [id, { height, of }] of this.#stored) {
      const met = whole.get(of);
      if (met === undefined)
        throw new WorldError('store-damaged', `The noted spend of ${id} is cut short.`, 'Restore the store from a backup.');
      this.#mined.set(id, { height, ...met });
    }
  }

  /** Records what a transaction does to watched channels and returns those channels. Without a height it is in the mempool. */
  note(met: IndexedSpend, height: Height | undefined): ReadonlySet<ChannelId> {
    const { txid, transaction } = met;
    const touched = new Set<ChannelId>();
    for (const { outpoint } of transaction.inputs) {
      const key = outpointKey(outpoint);
      const channels = this.#channelsOf(key, txid);
      if (channels.length === 0) continue;
      for (const channel of channels) this.#noteHeld(channel, met);
      if (height === undefined) this.#mempoolReader.set(key, transaction);
      else this.#mined.set(key, { height, txid, transaction });
      for (const channel of channels) touched.add(channel);
    }
    this.#noteOutputs(met, touched);
    return touched;
  }

  /** The channels whose deposit this output was, or was to fund; but not those whose funding is this transaction. */
  #channelsOf(key: string, txid: TxId): readonly ChannelId[] {
    const channel = this.#list.channelOfOutpoint(key) ?? this.#depositScan.channelOf(key) ?? this.#closed.get(key);
    if (channel !== undefined) return [channel];
    const channels = this.#list.channelsOfSource(key);
    if (channels.size === 0) return [];
    return [...channels].filter((each) => !this.#list.get(each)?.deposits.some(({ outpoint }) => outpoint.txid === txid));
  }

  /** A held output may be spent before its channel has seen the close: in the same block, or while both are in the mempool. */
  #noteHeld(channel: ChannelId, { txid, transaction }: IndexedSpend): void {
    const { revocation, hashLocks } = this.#list.get(channel)?.terms.contract ?? {};
    const isHolding = revocation !== undefined || hashLocks !== undefined;
    if (!isHolding || transaction.outputs.length > MOST_HELD) return;
    for (const vout of transaction.outputs.keys()) this.#closed.set(outpointKey({ txid, vout }), channel);
  }

  #noteOutputs(met: IndexedSpend, touched: Set<ChannelId>): void {
    let bytes: Uint8Array | undefined;
    const encoded = (): Uint8Array => (bytes ??= encodeTransaction(met.transaction));
    for (const [channel, vouts] of this.#paidBy(met.transaction)) {
      const { deposits = [], leastFound = MAX_AMOUNT } = this.#list.get(channel) ?? {};
      const known = new Set(deposits.flatMap(({ outpoint: { txid, vout } }) => (txid === met.txid ? [vout] : [])));
      if (vouts.some((vout) => known.has(vout))) touched.add(channel);
      const finds = findsIn(met, { vouts: vouts.filter((vout) => !known.has(vout)), leastFound, encoded });
      if (this.#depositScan.put(channel, finds)) touched.add(channel);
    }
  }

  /** The outputs to each channel. There may be thousands, and most are equal to the one before. */
  #paidBy({ outputs }: Transaction): ReadonlyMap<ChannelId, number[]> {
    const paid = new Map<ChannelId, number[]>();
    let last: { readonly script: Uint8Array; readonly vouts: number[] | undefined } | undefined;
    for (const [vout, { script }] of outputs.entries()) {
      if (last === undefined || !equalBytes(last.script, script)) {
        const channel = this.#list.channelOfScript(script);
        const vouts = channel && (paid.get(channel) ?? []);
        if (channel !== undefined && vouts !== undefined) paid.set(channel, vouts);
        last = { script, vouts };
      }
      last.vouts?.push(vout);
    }
    return paid;
  }

  /** The mempool is read anew each time; what has left it is no longer seen. */
  forgetUnconfirmed(): void {
    this.#mempoolReader = new Map();
  }

  /** Outputs found since the last call that pay to the channel. */
  takeFound(channel: ChannelId): ChainView['found'] {
    return this.#depositScan.take(channel);
  }

  /** Puts back what was taken, because the view failed. */
  putFound(channel: ChannelId, found: ChainView['found']): void {
    this.#depositScan.put(channel, found);
  }

  /** Blocks above `height` are no longer in the best chain. */
  rollBack(height: Height): void {
    for (const [key, spend] of this.#mined) if (spend.height > height) this.#mined.delete(key);
  }

  isMined(key: string): boolean {
    return this.#mined.has(key);
  }

  spendOf(key: string, tip: Height): SeenSpend | undefined {
    const mined = this.#mined.get(key);
    if (mined !== undefined) return { transaction: mined.transaction, depth: Math.max(0, tip - mined.height + 1) };
    const unconfirmed = this.#mempoolReader.get(key);
    return unconfirmed && { transaction: unconfirmed, depth: 0 };
  }

  /** Channels of which something was spent: their end is not buried yet. */
  get ending(): readonly ChannelId[] {
    return [...this.#mined].flatMap(([key, { txid }]) => this.#channelsOf(key, txid));
  }

  /** The writes that the store lacks, and the removal of spends of channels that have ended. */
  writes(): readonly Write[] {
    this.#forgetEnded();
    const wanted = new Map([...this.#mined].filter(([key]) => this.#isWatched(key)));
    const holders = new Map<TxId, string>();
    for (const [key, { txid }] of wanted) {
      const holder = holders.get(txid);
      // An outpoint that holds the transaction already keeps it.
      if (holder === undefined || this.#stored.get(key)?.of === key) holders.set(txid, key);
    }
    const gone = [...this.#stored].filter(([key]) => !wanted.has(key));
    this.#wanted = new Map([...wanted].map(([key, { height, txid }]) => [key, { height, of: holders.get(txid) ?? key }]));
    const isStored = (key: string): boolean => {
      const [is, was] = [this.#wanted.get(key), this.#stored.get(key)];
      return is?.height === was?.height && is?.of === was?.of;
    };
    return [
      ...gone.map(([id, { version }]) => ({ kind: RECORD_KIND, id, expected: version, value: undefined })),
      ...[...wanted].filter(([key]) => !isStored(key)).map(([id, spend]) => this.#writeOf(id, spend)),
    ];
  }

  #forgetEnded(): void {
    for (const [key, channel] of this.#closed) {
      if (this.#list.get(channel) !== undefined) continue;
      this.#closed.delete(key);
      this.#mined.delete(key);
    }
  }

  #writeOf(id: string, { height, transaction }: MinedSpend): Write {
    const { of = id } = this.#wanted.get(id) ?? {};
    const spend = of === id ? { height: heightOf(height), transaction } : { height: heightOf(height), of };
    return { kind: RECORD_KIND, id, expected: this.#stored.get(id)?.version ?? 0, value: JSON.stringify(z.encode(spendField, spend)) };
  }

  #isWatched(key: string): boolean {
    return this.#list.channelOfOutpoint(key) !== undefined || this.#list.channelsOfSource(key).size > 0;
  }

  committed(writes: readonly Write[]): void {
    for (const { id, expected, value } of writes) {
      const wanted = this.#wanted.get(id);
      if (value === undefined || wanted === undefined) {
        this.#stored.delete(id);
        this.#mined.delete(id);
      } else this.#stored.set(id, { ...wanted, version: expected + 1 });
    }
  }
}

/** The most valuable of these outputs. The whole transaction is serialised only when it is read. */
function findsIn(
  { txid, transaction: { outputs } }: IndexedSpend,
  { vouts, leastFound, encoded }: { readonly vouts: readonly number[]; readonly leastFound: Amount; readonly encoded: () => Uint8Array },
): ChainView['found'] {
  const worth = vouts.flatMap((vout) => {
    const { value = 0n } = outputs[vout] ?? {};
    return isAmount(value) && value >= leastFound ? [{ vout, value }] : [];
  });
  return mostValuable(worth, ({ value }) => value).map(({ vout, value }) => ({
    deposit: { outpoint: { txid, vout }, value },
    get transaction() {
      return encoded();
    },
  }));
}
