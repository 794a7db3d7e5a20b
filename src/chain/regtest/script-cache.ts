import type { TxId } from '../../core/base/bytes.ts';

const CAPACITY = 50_000;

/**
 * Transactions whose scripts have all passed, and under which flags. An id covers input scripts and, through the outpoints, the scripts
 * they spend; every flag only ever forbids more, so what passed under a set of flags passes under any part of it.
 */
export class ScriptCache {
  readonly #passed = new Map<TxId, number>();

  has(txid: TxId, flags: number): boolean {
    const passed = this.#passed.get(txid);
    return passed !== undefined && (passed & flags) === flags;
  }

  add(txid: TxId, flags: number): void {
    if (this.#passed.size >= CAPACITY) this.#passed.clear();
    this.#passed.set(txid, (this.#passed.get(txid) ?? 0) | flags);
  }
}
