import type { Coin } from '../core/coin/coin.ts';
import type { Store } from '../engine/ports.ts';
import { type BranchName, branchNames, FRESH_BRANCH, lookahead } from './key-branch.ts';
import { branchCodec, cursorCodec, outputCodec, transactionCodec, watchedCodec } from './record-codec.ts';
import { loadRecordTable, type RecordTable } from './record-table.ts';
import type { Branch, Cursor, OwnOutput, OwnTransaction, WatchedKey } from './state.ts';
import type { Watch } from './watched-keys.ts';

/** Everything that the wallet stores, loaded for one operation. Outputs are keyed by `txid:vout`, transactions by id. */
export interface StoredWallet {
  readonly cursor: RecordTable<Cursor>;
  readonly branches: RecordTable<Branch>;
  readonly outputs: RecordTable<OwnOutput>;
  readonly transactions: RecordTable<OwnTransaction>;
  readonly watched: RecordTable<WatchedKey>;
}

export const CURSOR_ID = 'cursor';

/** How many unused keys after the last used one are looked for. */
export interface GapLimits {
  readonly receive: number;
  readonly change: number;
  readonly channel: number;
}

/**
 * BIP44's 20. Channel keys get more. A key is taken before the merchant agrees, and a channel that spends everything shows its key only when it is
 * closed. So a series of failed or open channels must not hide the later ones from a restored wallet.
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

/** True once every change is safely stored; false when another operation changed the same records first: load again and repeat. */
export async function saveStoredWallet(store: Store, ledger: StoredWallet): Promise<boolean> {
  const tables = [ledger.cursor, ledger.branches, ledger.outputs, ledger.transactions, ledger.watched];
  const writes = tables.flatMap((table) => table.writes());
  return writes.length === 0 || (await store.commit(writes));
}

/** Loads, changes and saves; starts again whenever another operation was faster. If `change` throws, nothing changes. */
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

/** Makes `watch` look for every key that may be in use according to the ledger. */
export function coverKeys(ledger: StoredWallet, watch: Watch, gaps: GapLimits): void {
  for (const name of branchNames) watch.cover(name, lookahead(branchOf(ledger, name), gaps[name]));
  for (const { key } of ledger.watched.all()) watch.add(key);
}
