import type { TxId } from '../core/base/bytes.ts';
import { outpointKey, type Transaction } from '../core/tx/transaction.ts';
import type { Chain } from '../engine/ports.ts';
import { receivedBy } from './apply-block.ts';
import type { OwnOutput } from './state.ts';
import type { StoredWallet } from './stored-wallet.ts';
import type { Watch } from './watched-keys.ts';

/** What the node's mempool holds for this wallet. It is read again after every start and never stored: it proves nothing. */
export interface Mempool {
  readonly has: (txid: TxId) => boolean;
  /** Outputs to our keys in transactions that the wallet did not sign. */
  readonly incoming: (ledger: StoredWallet) => readonly OwnOutput[];
  /**
   * True when a transaction that the wallet did not sign spends this output: from another wallet with the same seed, or an altered copy of our own.
   */
  readonly spends: (ledger: StoredWallet, outpoint: string) => boolean;
  readonly refresh: (watch: Watch) => Promise<void>;
}

interface Seen {
  readonly received: readonly OwnOutput[];
  readonly inputs: readonly string[];
}

/** Transactions looked up in one refresh: if the mempool is larger, the rest is read next time. */
const LOOKUPS = 500;
/** Transactions requested at once: each may be most of a megabyte of hex. */
const AT_ONCE = 25;

export function watchMempool(chain: Chain): Mempool {
  let present: ReadonlySet<TxId> = new Set();
  const looked = new Set<TxId>();
  // Only what touches the wallet is kept: a mempool can hold a hundred megabytes.
  const touching = new Map<TxId, Seen>();
  const strangers = (ledger: StoredWallet): readonly Seen[] =>
    [...touching].filter(([txid]) => ledger.transactions.get(txid) === undefined).map(([, seen]) => seen);
  return {
    has: (txid) => present.has(txid),
    incoming: (ledger) =>
      strangers(ledger)
        .flatMap(({ received }) => received)
        .filter(({ outpoint }) => ledger.outputs.get(outpointKey(outpoint)) === undefined),
    spends: (ledger, outpoint) => strangers(ledger).some(({ inputs }) => inputs.includes(outpoint)),
    refresh: async (watch) => {
      present = new Set(await chain.mempool());
      for (const gone of [...looked].filter((txid) => !present.has(txid))) {
        looked.delete(gone);
        touching.delete(gone);
      }
      const fresh = [...present].filter((id) => !looked.has(id)).slice(0, LOOKUPS);
      for (let i = 0; i < fresh.length; i += AT_ONCE) {
        const some = fresh.slice(i, i + AT_ONCE);
        const found = await Promise.all(some.map(async (txid) => ({ txid, transaction: await chain.unconfirmed(txid) })));
        for (const { txid, transaction } of found) {
          if (transaction === undefined) continue;
          const seen = look(watch, txid, transaction);
          looked.add(txid);
          if (seen.received.length + seen.inputs.length > 0) touching.set(txid, seen);
        }
      }
    },
  };
}

function look(watch: Watch, txid: TxId, transaction: Transaction): Seen {
  const ours = transaction.inputs.filter(({ script }) => watch.shownBy(script).length > 0);
  return { received: receivedBy(watch, txid, transaction), inputs: ours.map(({ outpoint }) => outpointKey(outpoint)) };
}
