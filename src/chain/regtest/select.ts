import type { TxId } from '../../core/base/bytes.ts';
import type { MempoolEntry, MempoolGraph } from './mempool-graph.ts';
import { feeAt } from './policy.ts';

const COINBASE_RESERVE = 1_000;

interface Package {
  readonly entries: readonly MempoolEntry[];
  readonly fee: bigint;
  readonly size: number;
}

/**
 * What a default miner puts into the next block, parents before children: packages of a transaction and its unconfirmed ancestors, the best
 * paying first, none below `minRate` units per 1,000 bytes (`miner.cpp`, addPackageTxs). Space for coin age is not modelled: on Dogecoin
 * a real miner now and then takes an underpaying old coin; this one never does.
 */
export function selectForBlock(graph: MempoolGraph, minRate: bigint, maxSize: number): MempoolEntry[] {
  const chosen = new Map<TxId, MempoolEntry>();
  let room = maxSize - COINBASE_RESERVE;
  let isGrowing = true;
  while (isGrowing) {
    isGrowing = false;
    for (const entry of byPackageRate(graph, chosen)) {
      const offer = packageOf(graph, entry, chosen);
      if (offer.size === 0 || offer.size > room || offer.fee < feeAt(minRate, offer.size)) continue;
      for (const one of offer.entries) chosen.set(one.txid, one);
      room -= offer.size;
      isGrowing = true;
    }
  }
  return [...chosen.values()];
}

function byPackageRate(graph: MempoolGraph, chosen: ReadonlyMap<TxId, MempoolEntry>): MempoolEntry[] {
  const open = graph.entries().filter(({ txid }) => !chosen.has(txid));
  const offers = open.map((entry) => ({ entry, offer: packageOf(graph, entry, chosen) }));
  offers.sort((a, b) => compare(b.offer.fee * BigInt(a.offer.size), a.offer.fee * BigInt(b.offer.size)));
  return offers.map(({ entry }) => entry);
}

function compare(a: bigint, b: bigint): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** The entry and what it builds on that is not chosen yet, in an order a block can hold. */
function packageOf(graph: MempoolGraph, entry: MempoolEntry, chosen: ReadonlyMap<TxId, MempoolEntry>): Package {
  if (chosen.has(entry.txid)) return { entries: [], fee: 0n, size: 0 };
  const missing = graph.ancestors(entry.transaction).filter(({ txid }) => !chosen.has(txid));
  const depth = new Map(missing.map((one) => [one, graph.ancestors(one.transaction).length]));
  const entries = [...missing.sort((a, b) => (depth.get(a) ?? 0) - (depth.get(b) ?? 0)), entry];
  return { entries, fee: entries.reduce((sum, { fee }) => sum + fee, 0n), size: entries.reduce((sum, { size }) => sum + size, 0) };
}
