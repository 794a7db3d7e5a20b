import { equalBytes } from '../base/bytes.ts';
import { kindOf } from '../base/height.ts';
import { blocksOn, type ChainTime, certain } from '../base/lock-time.ts';
import type { Spend as Branch, Deposit, Terms } from '../contract/contract.ts';
import { type Cost, costOf, sumOf } from '../contract/fee.ts';
import { encodeTransaction, outpointKey, sameOutpoint, type Transaction } from '../tx/transaction.ts';
import type { ChainView, DepositView } from './state-machine.ts';

export type Spend = Extract<DepositView, { kind: 'spent' }>;

export function viewOf({ outpoint }: Deposit, view: ChainView): DepositView {
  return view.deposits.get(outpointKey(outpoint)) ?? { kind: 'missing' };
}

/** Nothing will change what has become of the deposit. One that stays away is given up when a refund at the expiry would be buried. */
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

/** A refund at the expiry would be buried by now. */
export function isLongPast({ coin, expiry }: Terms, at: ChainTime): boolean {
  return certain(expiry, at) >= expiry + blocksOn(kindOf(expiry), coin.channel.buried, coin.blockSeconds);
}

export function isAbsent({ kind }: DepositView): boolean {
  return kind === 'missing' || kind === 'replaced';
}

export function isSpent(seen: DepositView): seen is Spend {
  return seen.kind === 'spent';
}

/** Spent by something that waits in the mempool. */
export function isWaiting(seen: DepositView): seen is Spend {
  return seen.kind === 'spent' && seen.depth === 0;
}

/** The branch of the contract by which a transaction took a deposit. */
export function branchOf(terms: Terms, { outpoint }: Deposit, { transaction }: Spend): Branch {
  const input = transaction.inputs.find((one) => sameOutpoint(one.outpoint, outpoint));
  return terms.contract.recognise(input?.script ?? new Uint8Array());
}

/** Whether two transactions do the same. Whoever passes one on can write its signatures otherwise, which changes its id (BIP62). */
export function isSame(a: Transaction, b: Transaction): boolean {
  return a === b || equalBytes(encodeTransaction(withoutSignatures(a)), encodeTransaction(withoutSignatures(b)));
}

export function withoutSignatures(transaction: Transaction): Transaction {
  return { ...transaction, inputs: transaction.inputs.map((input) => ({ ...input, script: new Uint8Array() })) };
}

export function spentBy(transaction: Transaction, deposits: readonly Deposit[]): readonly Deposit[] {
  return deposits.filter(({ outpoint }) => transaction.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
}

/** Each once, in their order. */
export function transactionsOf(spends: readonly Spend[]): readonly Transaction[] {
  return distinct(spends).map(({ transaction }) => transaction);
}

/**
 * What has to be outdone by what takes the place of all that waits here, as the deposits or else the node tell; undefined where neither does.
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
