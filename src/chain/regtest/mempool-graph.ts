import type { TxId } from '../../core/base/bytes.ts';
import { type Outpoint, outpointKey, type Transaction } from '../../core/tx/transaction.ts';

/** Priority of a transaction by the age of its confirmed inputs; inputs that were unconfirmed at its entry add nothing, also later. */
export interface CoinAge {
  /** At entry: value times depth of each input, per byte. */
  readonly priority: number;
  /** What each further block adds. */
  readonly growth: number;
}

export interface MempoolEntry {
  readonly txid: TxId;
  readonly transaction: Transaction;
  /** Size that fees are computed from, in bytes. */
  readonly size: number;
  readonly fee: bigint;
  readonly sigOps: number;
  readonly age: CoinAge;
  /** Time of entry, Unix seconds. */
  readonly time: number;
  /** Height of the tip at entry. */
  readonly height: number;
}

/** Unconfirmed transactions in order of entry, which of them spend which outputs, and which depend on which. */
export class MempoolGraph {
  readonly #entries = new Map<TxId, MempoolEntry>();
  readonly #spenders = new Map<string, TxId>();

  get size(): number {
    return this.#entries.size;
  }

  entries(): MempoolEntry[] {
    return [...this.#entries.values()];
  }

  get(txid: TxId): MempoolEntry | undefined {
    return this.#entries.get(txid);
  }

  spenderOf(outpoint: Outpoint): MempoolEntry | undefined {
    const spender = this.#spenders.get(outpointKey(outpoint));
    return spender === undefined ? undefined : this.#entries.get(spender);
  }

  add(entry: MempoolEntry): void {
    this.#entries.set(entry.txid, entry);
    for (const { outpoint } of entry.transaction.inputs) this.#spenders.set(outpointKey(outpoint), entry.txid);
  }

  remove(entry: MempoolEntry): void {
    this.#entries.delete(entry.txid);
    for (const { outpoint } of entry.transaction.inputs) {
      if (this.#spenders.get(outpointKey(outpoint)) === entry.txid) this.#spenders.delete(outpointKey(outpoint));
    }
  }

  removeWithDescendants(entry: MempoolEntry): void {
    for (const one of [entry, ...this.descendants(entry)]) this.remove(one);
  }

  parents(tx: Transaction): MempoolEntry[] {
    const found = tx.inputs.map(({ outpoint }) => this.#entries.get(outpoint.txid)).filter((parent) => parent !== undefined);
    return [...new Set(found)];
  }

  children(entry: MempoolEntry): MempoolEntry[] {
    const found = entry.transaction.outputs
      .map((_, vout) => this.spenderOf({ txid: entry.txid, vout }))
      .filter((child) => child !== undefined);
    return [...new Set(found)];
  }

  /** All unconfirmed ancestors of the transaction, nearest first. */
  ancestors(tx: Transaction): MempoolEntry[] {
    return walk(this.parents(tx), ({ transaction }) => this.parents(transaction));
  }

  /** All descendants of the entry, without itself. */
  descendants(entry: MempoolEntry): MempoolEntry[] {
    return walk(this.children(entry), (child) => this.children(child));
  }
}

function walk(from: readonly MempoolEntry[], next: (entry: MempoolEntry) => readonly MempoolEntry[]): MempoolEntry[] {
  const seen = new Set<MempoolEntry>(from);
  // Iterating over a set also yields what is added meanwhile.
  for (const entry of seen) for (const other of next(entry)) seen.add(other);
  return [...seen];
}
