import type { Coin } from '../core/coin/coin.ts';
import type { Store } from '../engine/ports.ts';
import { type BranchName, branchNames, FRESH_BRANCH, lookahead } from './branch.ts';
import { branchCodec, cursorCodec, outputCodec, transactionCodec, watchedCodec } from './record.ts';
import type { Branch, Cursor, OwnOutput, OwnTransaction, WatchedKey } from './state.ts';
import { loadTable, type Table } from './table.ts';
import type { Watch } from './watch.ts';

/** All that the wallet stores, loaded for one piece of work. Outputs go by `txid:vout`, transactions by id. */
export interface Ledger {
  readonly cursor: Table<Cursor>;
  readonly branches: Table<Branch>;
  readonly outputs: Table<OwnOutput>;
  readonly transactions: Table<OwnTransaction>;
  readonly watched: Table<WatchedKey>;
}

export const CURSOR_ID = 'cursor';

/** Unused keys that are looked at past the last used one. */
export interface GapLimits {
  readonly receive: number;
  readonly change: number;
  readonly channel: number;
}

/**
 * BIP44's 20. Channel keys get more: a key is taken before the merchant agrees, and a channel that is spent to the last koinu shows its key
 * only once it is closed, so a run of failed or open channels must not hide the later ones from a restored wallet.
 */
export const GAP_LIMITS: GapLimits = { receive: 20, change: 20, channel: 100 };

/** @throws WorldError when a record is damaged or newer. */
export async function loadLedger(store: Store, coin: Coin): Promise<Ledger> {
  // One store may hold the wallets of several coins.
  const kind = (name: string): string => `wallet-${name}:${coin.id}`;
  return {
    cursor: await loadTable(store, kind('cursor'), cursorCodec),
    branches: await loadTable(store, kind('branch'), branchCodec),
    outputs: await loadTable(store, kind('output'), outputCodec),
    transactions: await loadTable(store, kind('transaction'), transactionCodec),
    watched: await loadTable(store, kind('key'), watchedCodec),
  };
}

/** True once every change is durable; false when another piece of work touched the same records first: load again and repeat. */
export async function saveLedger(store: Store, ledger: Ledger): Promise<boolean> {
  const tables = [ledger.cursor, ledger.branches, ledger.outputs, ledger.transactions, ledger.watched];
  const writes = tables.flatMap((table) => table.writes());
  return writes.length === 0 || (await store.commit(writes));
}

/** Loads, changes and saves, again from the start whenever somebody else was faster. `change` throws to leave all as it is. */
export async function updateLedger<T>(store: Store, coin: Coin, change: (ledger: Ledger) => T): Promise<T> {
  for (;;) {
    const ledger = await loadLedger(store, coin);
    const result = change(ledger);
    if (await saveLedger(store, ledger)) return result;
  }
}

/** @throws TypeError before the wallet was opened once. */
export function cursorOf(ledger: Ledger): Cursor {
  const cursor = ledger.cursor.get(CURSOR_ID);
  if (cursor === undefined) throw new TypeError('the wallet has no cursor');
  return cursor;
}

export function branchOf(ledger: Ledger, name: BranchName): Branch {
  return ledger.branches.get(name) ?? FRESH_BRANCH;
}

/** Makes `watch` look for every key that the ledger says may be in use. */
export function coverKeys(ledger: Ledger, watch: Watch, gaps: GapLimits): void {
  for (const name of branchNames) watch.cover(name, lookahead(branchOf(ledger, name), gaps[name]));
  for (const { key } of ledger.watched.all()) watch.add(key);
}
