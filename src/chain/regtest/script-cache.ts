import type { TxId } from '../../core/base/bytes.ts';

const CAPACITY = 50_000;

/**
 * Transactions whose scripts have all passed, and with which flags. An id covers input scripts and, through the outpoints, the scripts they spend.
 * Flags only forbid, so what passed with some flags also passes with fewer of them.
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
