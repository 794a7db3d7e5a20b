import { least, subtract } from '../../core/base/amount.ts';
import { spentBy } from '../../core/channel/deposit-view.ts';
import type { Deposit } from '../../core/contract/contract.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import type { DepositGroup, Watched } from './file-format.ts';
import { payeeValue } from './payee-value.ts';

export function depositsOf({ deposits }: Watched, { closes }: DepositGroup): readonly Deposit[] {
  return spentBy(closes[0], deposits);
}

/** Whether transactions take everything that is owed from the deposits they spend, as far as the file says. */
export function isEnough(watched: Watched, transactions: readonly Transaction[]): boolean {
  const spent = watched.deposits.filter((deposit) => transactions.some((one) => spentBy(one, [deposit]).length > 0));
  const owed = owedFrom(watched);
  return payeeValueTogether(watched, transactions) >= spent.reduce((sum, deposit) => sum + (owed.get(deposit) ?? 0n), 0n);
}

export function payeeValueTogether(watched: Watched, transactions: readonly Transaction[]): bigint {
  return transactions.reduce((sum, close) => sum + payeeValue(watched, close), 0n);
}

/** The whole sum that is owed, according to the file. */
export function owedIn(watched: Watched): bigint {
  return [...owedFrom(watched).values()].reduce((sum, part) => sum + part, 0n);
}

/** Payments use deposits one after the other; a deposit that a close leaves out has closes of its own. */
function owedFrom(watched: Watched): ReadonlyMap<Deposit, bigint> {
  const owed = new Map<Deposit, bigint>();
  let left = watched.total;
  for (const deposit of depositsOf(watched, watched)) {
    const part = least(left, deposit.value);
    owed.set(deposit, part);
    left = subtract(left, part);
  }
  for (const lot of watched.apart ?? []) for (const deposit of depositsOf(watched, lot)) owed.set(deposit, lot.total);
  return owed;
}
