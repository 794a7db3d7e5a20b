import type { Coin } from '../core/coin/coin.ts';
import type { Store } from '../engine/ports.ts';
import { type BranchName, branchNames, FRESH_BRANCH, lookahead } from './key-branch.ts';
import { branchCodec, cursorCodec, outputCodec, transactionCodec, watchedCodec } from './record-codec.ts';
import { loadRecordTable, type RecordTable } from './record-table.ts';
import type { Branch, Cursor, OwnOutput, OwnTransaction, WatchedKey } from './state.ts';
import type { Watch } from './watched-keys.ts';

/** All that the wallet stores, loaded for one piece of work. Outputs go by `txid:vout`, transactions by id. */
export interface StoredWallet {
  readonly cursor: RecordTable<Cursor>;
  readonly branches: RecordTable<Branch>;
  readonly outputs: RecordTable<OwnOutput>;
  readonly transactions: RecordTable<OwnTransaction>;
  readonly watched: RecordTable<WatchedKey>;
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
export async function loadStoredWallet(store: Store, coin: Coin): Promise<StoredWallet> {
  // One store may hold the wallets of several coins.
  const kind = (name: string): string => `wallet-${name}:${coin.id}`;
  return {
    cursor: await loadRecordTable(store, kind('cursor'), cursorCodec),
    branches: await loadRecordTable(store, kind('branch'), branchCodec),
    outputs: await loadRecordTable(store, kind('output'), outputCodec),
    transactions: await loadRecordTable(store, kind('transaction'), transactionCodec),
    watched: await loadRecordTable(store, kind('key'), watchedCodec),
  };
}

/** True once every change is durable; false when another piece of work touched the same records first: load again and repeat. */
export async function saveStoredWallet(store: Store, ledger: StoredWallet): Promise<boolean> {
  const tables = [ledger.cursor, ledger.branches, ledger.outputs, ledger.transactions, ledger.watched];
  const writes = tables.flatMap((table) => table.writes());
  return writes.length === 0 || (await store.commit(writes));
}

/** Loads, changes and saves, again from the start whenever somebody else was faster. `change` throws to leave all as it is. */
export async function updateStoredWallet<T>(store: Store, coin: Coin, change: (ledger: StoredWallet) => T): Promise<T> {
  for (;;) {
    const ledger = await loadStoredWallet(store, coin);
    const result = change(ledger);
    if (await saveStoredWallet(store, ledger)) return result;
  }
}

/** @throws TypeError before the wallet was opened once. */
export function cursorOf(ledger: StoredWallet): Cursor {
  const cursor = ledger.cursor.get(CURSOR_ID);
  if (cursor === undefined) throw new TypeError('the wallet has no cursor');
  return cursor;
}

export function branchOf(ledger: StoredWallet, name: BranchName): Branch {
  return ledger.branches.get(name) ?? FRESH_BRANCH;
}

/** Makes `watch` look for every key that the ledger says may be in use. */
export function coverKeys(ledger: StoredWallet, watch: Watch, gaps: GapLimits): void {
  for (const name of branchNames) watch.cover(name, lookahead(branchOf(ledger, name), gaps[name]));
  for (const { key } of ledger.watched.all()) watch.add(key);
}
