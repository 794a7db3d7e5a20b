import { equalBytes } from '../base/bytes.ts';
import { after, kindOf, type LockTime, lockTime } from '../base/height.ts';
import { blocksOn, type ChainTime, certain } from '../base/lock-time.ts';
import type { Deposit, Terms } from '../contract/contract.ts';
import { type Cost, costOf, sumOf } from '../contract/fee.ts';
import type { Spend as Branch } from '../contract/form.ts';
import { encodeTransaction, outpointKey, sameOutpoint, type Transaction } from '../tx/transaction.ts';
import type { ChainView, DepositView } from './state-machine.ts';

export type Spend = Extract<DepositView, { kind: 'spent' }>;

export function viewOf({ outpoint }: Deposit, view: ChainView): DepositView {
  return view.deposits.get(outpointKey(outpoint)) ?? { kind: 'missing' };
}

/**
 * Whether what happened to the deposit is final. A deposit that stays away is given up at the time when a refund sent at the expiry would be buried.
 */
export function isSettled(seen: DepositView, terms: Terms, at: ChainTime): boolean {
  const { buried } = terms.coin.channel;
  switch (seen.kind) {
    case 'unspent':
      return false;
    case 'missing':
      return isLongPast(terms, at);
    case 'spent':
    case 'replaced':
      return seen.depth >= buried;
  }
}

/** Whether a refund sent at the expiry would be buried by now. */
export function isLongPast({ coin, expiry }: Terms, at: ChainTime): boolean {
  return certain(expiry, at) >= expiry + blocksOn(kindOf(expiry), coin.channel.buried, coin.blockSeconds);
}

/** When nodes take a refund of a deposit that is so deep: its script may count from its own block. */
export function opensAt(terms: Terms, depth: number, { tip }: ChainTime): LockTime {
  return terms.contract.refundAt(terms, after(tip, 1 - depth));
}

export function isOpenAt(terms: Terms, depth: number, at: ChainTime): boolean {
  const opens = opensAt(terms, depth, at);
  return certain(opens, at) >= opens;
}

/** Since when all of these deposits can be refunded; since the expiry, as far as nobody knows how deep they are. */
export function openSince(terms: Terms, deposits: readonly Deposit[], view: ChainView, at: ChainTime): LockTime {
  const opening = deposits.map((deposit) => {
    const seen = viewOf(deposit, view);
    const depth = seen.kind === 'unspent' ? seen.depth : isSpent(seen) ? seen.depositDepth : undefined;
    return depth === undefined ? terms.expiry : opensAt(terms, depth, at);
  });
  return lockTime(Math.max(terms.expiry, ...opening));
}

export function isAbsent({ kind }: DepositView): boolean {
  return kind === 'missing' || kind === 'replaced';
}

export function isSpent(seen: DepositView): seen is Spend {
  return seen.kind === 'spent';
}

/** Whether an unconfirmed transaction spends it. */
export function isWaiting(seen: DepositView): seen is Spend {
  return seen.kind === 'spent' && seen.depth === 0;
}

/** The branch of the contract by which a transaction spent a deposit. */
export function branchOf(terms: Terms, { outpoint }: Deposit, { transaction }: Spend): Branch {
  const input = transaction.inputs.find((one) => sameOutpoint(one.outpoint, outpoint));
  return terms.contract.recognise(input?.script ?? new Uint8Array());
}

/** Whether two transactions have the same effect. Anyone who relays one can change the form of its signatures, and so its id (BIP62). */
export function isSame(a: Transaction, b: Transaction): boolean {
  return a === b || equalBytes(encodeTransaction(withoutSignatures(a)), encodeTransaction(withoutSignatures(b)));
}

export function withoutSignatures(transaction: Transaction): Transaction {
  return { ...transaction, inputs: transaction.inputs.map((input) => ({ ...input, script: new Uint8Array() })) };
}

export function spentBy(transaction: Transaction, deposits: readonly Deposit[]): readonly Deposit[] {
  return deposits.filter(({ outpoint }) => transaction.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
}

/** Each transaction once, in order. */
export function transactionsOf(spends: readonly Spend[]): readonly Transaction[] {
  return distinct(spends).map(({ transaction }) => transaction);
}

/**
 * The cost that a replacement of all these unconfirmed transactions has to exceed, from the deposits' values or else from the node; undefined where
 * neither is known.
 */
export function combinedCost(spends: readonly Spend[], deposits: readonly Deposit[]): Cost | undefined {
  return sumOf(distinct(spends).map((spend) => costOfSpend(spend, deposits)));
}

function costOfSpend({ transaction, cost }: Spend, deposits: readonly Deposit[]): Cost | undefined {
  const own = costOf(transaction, deposits) ?? cost;
  return own && { ...own, ...(cost?.burden !== undefined && { burden: cost.burden }) };
}

function distinct(spends: readonly Spend[]): readonly Spend[] {
  return spends.filter(({ transaction }, i) => spends.findIndex((other) => isSame(transaction, other.transaction)) === i);
}

/** Whether all coins of a transaction go to one script. */
export function paysOnly({ outputs }: Transaction, script: Uint8Array): boolean {
  return outputs.every((output) => output.value === 0n || equalBytes(output.script, script));
}
