import type { TxId } from '../../core/base/bytes.ts';
import { MAX_BLOCK_SIGOPS } from './check-transaction.ts';
import type { MempoolEntry, MempoolGraph } from './mempool-graph.ts';
import { feeAt, isFree } from './policy.ts';

const COINBASE_SIZE = 1_000;
const COINBASE_SIGOPS = 100;

/** A miner's settings. */
export interface MinerPolicy {
  /** Rate per 1,000 bytes below which only old coins are included (`-blockmintxfee`). */
  readonly minRate: bigint;
  /** Bytes reserved for old coins, whatever they pay (`-blockprioritysize`). */
  readonly prioritySize: number;
  /** Bytes of a whole block (`-blockmaxsize`). */
  readonly maxSize: number;
}

/** What a miner puts into the block at `height`, parents before children: first old coins, then by fee rate. */
export function selectForBlock(graph: MempoolGraph, policy: MinerPolicy, height: number): MempoolEntry[] {
  const block = new Filling(policy.maxSize);
  if (policy.prioritySize > 0) addByAge(graph, block, policy.prioritySize, height);
  addPackages(graph, block, policy.minRate);
  return block.entries();
}

/** A block that is being filled. */
class Filling {
  readonly #entries = new Map<TxId, MempoolEntry>();
  readonly #maxSize: number;
  #sigOps = COINBASE_SIGOPS;
  size = COINBASE_SIZE;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  entries(): MempoolEntry[] {
    return [...this.#entries.values()];
  }

  has({ txid }: MempoolEntry): boolean {
    return this.#entries.has(txid);
  }

  /** Adds all of them, or none when they do not fit. */
  add(entries: readonly MempoolEntry[]): boolean {
    const size = this.size + sum(entries, (entry) => entry.size);
    const sigOps = this.#sigOps + sum(entries, (entry) => entry.sigOps);
    if (size >= this.#maxSize || sigOps >= MAX_BLOCK_SIGOPS) return false;
    for (const entry of entries) this.#entries.set(entry.txid, entry);
    this.size = size;
    this.#sigOps = sigOps;
    return true;
  }
}

/**
 * The oldest coins first, until their space is full or one that is not old has been added: so a block has at least one transaction, whatever it pays
 * (`miner.cpp`, addPriorityTxs).
 */
function addByAge(graph: MempoolGraph, block: Filling, most: number, height: number): void {
  const priority = ({ age, height: since }: MempoolEntry): number => age.priority + age.growth * (height - since);
  const byAge = (a: MempoolEntry, b: MempoolEntry): number => priority(b) - priority(a) || byRate(a, b);
  const open = graph.entries().sort(byAge);
  const waiting = new Set<MempoolEntry>();
  for (let entry = open.shift(); entry !== undefined; entry = open.shift()) {
    if (graph.parents(entry.transaction).some((parent) => !block.has(parent))) {
      waiting.add(entry);
      continue;
    }
    if (!block.add([entry])) continue;
    if (block.size >= most || !isFree(priority(entry))) return;
    const freed = graph.children(entry).filter((child) => waiting.delete(child));
    if (freed.length > 0) open.splice(0, open.length, ...[...open, ...freed].sort(byAge));
  }
}

/** Transactions with their ancestors, the best paying first, none below the rate (`miner.cpp`, addPackageTxs). */
function addPackages(graph: MempoolGraph, block: Filling, minRate: bigint): void {
  let isGrowing = true;
  while (isGrowing) {
    isGrowing = false;
    for (const entry of byPackageRate(graph, block)) {
      const { entries, fee, size } = packageOf(graph, entry, block);
      if (size > 0 && fee >= feeAt(minRate, size) && block.add(entries)) isGrowing = true;
    }
  }
}

interface Package {
  readonly entries: readonly MempoolEntry[];
  readonly fee: bigint;
  readonly size: number;
}

function byPackageRate(graph: MempoolGraph, block: Filling): MempoolEntry[] {
  const open = graph.entries().filter((entry) => !block.has(entry));
  const offers = open.map((entry) => ({ entry, offer: packageOf(graph, entry, block) }));
  offers.sort((a, b) => byRate(a.offer, b.offer));
  return offers.map(({ entry }) => entry);
}

/** The better paying first. */
function byRate(a: Pick<Package, 'fee' | 'size'>, b: Pick<Package, 'fee' | 'size'>): number {
  const [first, second] = [a.fee * BigInt(b.size), b.fee * BigInt(a.size)];
  return first === second ? 0 : first < second ? 1 : -1;
}

/** The entry and those of its ancestors that are not chosen yet, in an order that a block can hold. */
function packageOf(graph: MempoolGraph, entry: MempoolEntry, block: Filling): Package {
  if (block.has(entry)) return { entries: [], fee: 0n, size: 0 };
  const missing = graph.ancestors(entry.transaction).filter((one) => !block.has(one));
  const depth = new Map(missing.map((one) => [one, graph.ancestors(one.transaction).length]));
  const entries = [...missing.sort((a, b) => (depth.get(a) ?? 0) - (depth.get(b) ?? 0)), entry];
  return { entries, fee: entries.reduce((total, { fee }) => total + fee, 0n), size: sum(entries, ({ size }) => size) };
}

function sum(entries: readonly MempoolEntry[], of: (entry: MempoolEntry) => number): number {
  return entries.reduce((total, entry) => total + of(entry), 0);
}
