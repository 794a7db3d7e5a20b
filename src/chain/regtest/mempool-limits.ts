import type { Coin } from '../../core/coin/coin.ts';
import { type Candidate, REJECT, refuse, type TxRefusal } from './candidate.ts';
import type { MempoolEntry } from './mempool-graph.ts';
import { feeAt } from './policy.ts';

const MAX_REPLACED = 100;
const SEQUENCE_OPTS_OUT = 0xffff_fffe;

interface Limits {
  readonly ancestors: number;
  readonly descendants: number;
  readonly ancestorSize: number;
  readonly descendantSize: number;
}

/**
 * Limits on ancestors and descendants in the mempool, the new transaction included; one small child more may join a full family. What a replacement
 * would evict still counts, so a replacement makes no room for itself (`validation.cpp` checks limits before conflicts).
 */
export function checkChainLimits(candidate: Candidate): TxRefusal | undefined {
  const { count, size, spare } = candidate.coin.policy.family;
  const why = limitBroken(candidate, { ancestors: count, descendants: count, ancestorSize: size, descendantSize: size });
  if (why === undefined) return undefined;
  const isCarvedOut =
    candidate.size <= spare &&
    limitBroken(candidate, { ancestors: 2, descendants: count + 1, ancestorSize: size, descendantSize: size + spare }) === undefined;
  return isCarvedOut ? undefined : refuse(REJECT.NONSTANDARD, 'too-long-mempool-chain', why);
}

/** Walks the ancestors as `CalculateMemPoolAncestors` does, so that when several limits are broken the same one is named. */
function limitBroken({ graph, transaction, size }: Candidate, limits: Limits): string | undefined {
  const staged = new Set(graph.parents(transaction));
  if (staged.size + 1 > limits.ancestors) return `too many unconfirmed parents [limit: ${limits.ancestors}]`;
  let total = size;
  // Iterating over a set also yields what is added meanwhile.
  for (const ancestor of staged) {
    total += ancestor.size;
    const broken = familyBroken(ancestor, graph.descendants(ancestor), size, limits);
    if (broken !== undefined) return broken;
    if (total > limits.ancestorSize) return `exceeds ancestor size limit [limit: ${limits.ancestorSize}]`;
    for (const parent of graph.parents(ancestor.transaction)) staged.add(parent);
    if (staged.size + 1 > limits.ancestors) return `too many unconfirmed ancestors [limit: ${limits.ancestors}]`;
  }
  return undefined;
}

function familyBroken(ancestor: MempoolEntry, descendants: readonly MempoolEntry[], size: number, limits: Limits): string | undefined {
  const tail = `for tx ${ancestor.txid} [limit: `;
  if (totalSize([ancestor, ...descendants]) + size > limits.descendantSize)
    return `exceeds descendant size limit ${tail}${limits.descendantSize}]`;
  return descendants.length + 2 > limits.descendants ? `too many descendants ${tail}${limits.descendants}]` : undefined;
}

function totalSize(entries: readonly MempoolEntry[]): number {
  return entries.reduce((sum, { size }) => sum + size, 0);
}

/** BIP125: an entry that signals it by a sequence below 0xfffffffe may be replaced, if the coin's nodes support replacement. */
export function isReplaceable(entry: MempoolEntry, coin: Coin): boolean {
  if (coin.policy.replacement === 'never') return false;
  return coin.policy.replacement === 'always' || entry.transaction.inputs.some(({ sequence }) => sequence < SEQUENCE_OPTS_OUT);
}

/** BIP125 rules 2 to 5, in the order of `validation.cpp`: a higher rate than each, no new unconfirmed input, and more fee than all. */
export function checkReplacement(candidate: Candidate): TxRefusal | undefined {
  const { conflicts, graph, transaction, txid, size, fee, chain } = candidate;
  if (conflicts.length === 0) return undefined;
  const ancestor = graph.ancestors(transaction).find((entry) => conflicts.includes(entry));
  if (ancestor !== undefined) {
    return refuse(REJECT.INVALID, 'bad-txns-spends-conflicting-tx', `${txid} spends conflicting transaction ${ancestor.txid}`);
  }
  const poor = (debug: string): TxRefusal => refuse(REJECT.INSUFFICIENT_FEE, 'insufficient fee', `rejecting replacement ${txid}${debug}`);
  if (conflicts.some((entry) => rateOf(fee, size) <= rateOf(entry.fee, entry.size))) return poor('; new feerate <= old feerate');
  const replaced = new Set(conflicts.flatMap((entry) => [entry, ...graph.descendants(entry)]));
  if (conflicts.reduce((sum, entry) => sum + 1 + graph.descendants(entry).length, 0) > MAX_REPLACED) {
    return refuse(REJECT.NONSTANDARD, 'too many potential replacements', `rejecting replacement ${txid}; too many potential replacements`);
  }
  if (addsUnconfirmed(candidate)) {
    return refuse(REJECT.NONSTANDARD, 'replacement-adds-unconfirmed', `replacement ${txid} adds unconfirmed input`);
  }
  const replacedFees = [...replaced].reduce((sum, entry) => sum + entry.fee, 0n);
  if (fee < replacedFees) return poor(`, less fees than conflicting txs; ${fee} < ${replacedFees}`);
  const own = feeAt(chain.rules.replacementFeeRate, size);
  return fee - replacedFees < own ? poor(`, not enough additional fees to relay; ${fee - replacedFees} < ${own}`) : undefined;
}

function addsUnconfirmed({ conflicts, graph, transaction }: Candidate): boolean {
  const parents = new Set(conflicts.flatMap((entry) => entry.transaction.inputs.map(({ outpoint }) => outpoint.txid)));
  return transaction.inputs.some(({ outpoint }) => !parents.has(outpoint.txid) && graph.get(outpoint.txid) !== undefined);
}

/** Rate per 1,000 bytes, rounded down as in `CFeeRate`. */
export function rateOf(fee: bigint, size: number): bigint {
  return size === 0 ? 0n : (fee * 1000n) / BigInt(size);
}
