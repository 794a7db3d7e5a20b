import type { Deposit, HeldOutput, LockedOutput, Terms } from '../contract/contract.ts';
import type { HashLock } from '../contract/pending.ts';
import { outpointKey } from '../tx/transaction.ts';
import { isSpent, transactionsOf, viewOf } from './deposit-view.ts';
import type { ChainView, DepositView } from './state-machine.ts';

/** The outputs that closes hold under these locks, as the chain is now. */
export function lockedIn(terms: Terms, deposits: readonly Deposit[], view: ChainView, locks: readonly HashLock[]): readonly LockedOutput[] {
  const { hashLocks } = terms.contract;
  if (hashLocks === undefined || locks.length === 0) return [];
  const spends = deposits.map((deposit) => viewOf(deposit, view)).filter(isSpent);
  return transactionsOf(spends).flatMap((transaction) => hashLocks.outputs(terms, transaction, locks));
}

/** The state with these locked outputs; the same object when nothing has changed. */
export function withLocked<State extends { readonly locked?: readonly LockedOutput[] }>(
  state: State,
  locked: readonly LockedOutput[],
): State {
  const { locked: before = [], ...rest } = state;
  const isSame =
    locked.length === before.length && locked.every((one, i) => before[i] && outpointKey(one.outpoint) === outpointKey(before[i].outpoint));
  if (isSame) return state;
  return { ...rest, ...(locked.length > 0 && { locked }) } as State;
}

/** One that was just found is in no view yet and counts as unspent. */
export function lockedView({ outpoint }: LockedOutput, view: ChainView): DepositView {
  return view.deposits.get(outpointKey(outpoint)) ?? { kind: 'unspent', depth: 0 };
}

/** As what is taken like any output that a close holds. */
export function asHeld(one: LockedOutput): HeldOutput {
  return { outpoint: one.outpoint, value: one.value, hash: one.lock.hash };
}
