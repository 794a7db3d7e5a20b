import { transactionSize } from '../../core/tx/transaction.ts';
import type { Family } from './mempool.ts';
import type { MempoolEntry } from './mempool-graph.ts';
import { isReplaceable } from './mempool-limits.ts';
import type { Methods, NodeContext } from './rpc.ts';
import { RPC, RpcError } from './rpc-error.ts';
import { coinsOf, type Json } from './rpc-json.ts';
import type { Params } from './rpc-params.ts';

function rawMempool(context: NodeContext, params: Params): Json {
  const txids = context.regtest.mempool();
  if (!params.flag(0, false)) return txids;
  return Object.fromEntries(txids.map((txid) => [txid, entryOf(context, txid)]));
}

function entryOf({ regtest }: NodeContext, txid: MempoolEntry['txid']): Json {
  const family = regtest.pool.familyOf(txid);
  if (family === undefined) throw new RpcError(RPC.INVALID_ADDRESS_OR_KEY, 'Transaction not in mempool');
  return regtest.chain.rules.dialect === 'dogecoin' ? dogecoinEntry(family) : litecoinEntry(family, regtest.coin);
}

/** Without the two priorities, which no caller of this node needs (`entryToJSON`). */
function dogecoinEntry({ entry, ancestors, descendants }: Family): Json {
  const { size, fee, time, height } = entry;
  return {
    size,
    ...{ fee: coinsOf(fee), modifiedfee: coinsOf(fee), time, height },
    ...sums('descendant', [entry, ...descendants]),
    ...sums('ancestor', [entry, ...ancestors]),
    depends: dependsOf(entry, ancestors),
  };
}

function litecoinEntry({ entry, ancestors, descendants }: Family, coin: NodeContext['regtest']['coin']): Json {
  const { size, fee, time, height, txid, transaction } = entry;
  const above = [entry, ...descendants];
  const below = [entry, ...ancestors];
  const coins = (entries: readonly MempoolEntry[]): Json => coinsOf(entries.reduce((sum, one) => sum + one.fee, 0n));
  return {
    fees: { base: coinsOf(fee), modified: coinsOf(fee), ancestor: coins(below), descendant: coins(above) },
    ...{ vsize: size, weight: transactionSize(transaction) * 4, mwebweight: 0 },
    ...{ fee: coinsOf(fee), modifiedfee: coinsOf(fee), time, height },
    ...sums('descendant', above),
    descendantmwebweight: 0,
    ...sums('ancestor', below),
    ancestormwebweight: 0,
    wtxid: txid,
    depends: dependsOf(entry, ancestors),
    spentby: descendants.filter((one) => spends(one, entry)).map((one) => one.txid),
    'bip125-replaceable': below.some((one) => isReplaceable(one, { ...coin, policy: { ...coin.policy, replacement: 'opt-in' } })),
    unbroadcast: true,
  };
}

/** Fees in units here, in coins everywhere else. */
function sums(kind: 'ancestor' | 'descendant', entries: readonly MempoolEntry[]): { readonly [key: string]: Json } {
  return {
    [`${kind}count`]: entries.length,
    [`${kind}size`]: entries.reduce((sum, { size }) => sum + size, 0),
    [`${kind}fees`]: Number(entries.reduce((sum, { fee }) => sum + fee, 0n)),
  };
}

function dependsOf(entry: MempoolEntry, ancestors: readonly MempoolEntry[]): readonly string[] {
  return ancestors
    .filter((one) => spends(entry, one))
    .map(({ txid }) => txid)
    .toSorted();
}

function spends({ transaction }: MempoolEntry, { txid }: MempoolEntry): boolean {
  return transaction.inputs.some(({ outpoint }) => outpoint.txid === txid);
}

/** Calls about the mempool. */
export const mempoolMethods: Methods = {
  getrawmempool: { usage: 'getrawmempool ( verbose )', most: 1, answer: rawMempool },
  getmempoolentry: {
    usage: 'getmempoolentry "txid"',
    most: 1,
    answer: (context, params) => entryOf(context, params.hash(0, 'parameter 1')),
  },
};
