import { equalBytes } from '../base/bytes.ts';
import type { Deposit } from '../contract/contract.ts';
import { leastDeposit } from '../contract/size.ts';
import { outpointKey } from '../tx/transaction.ts';
import { isAbsent, viewOf } from './fate.ts';
import type { ChainView } from './machine.ts';
import { allDeposits, type PayerState } from './payer-state.ts';

/** Deposits that a channel comes to have by what is found: each costs a question to the node at every look, and anybody can make thousands. */
export const MOST_FOUND = 64;

/**
 * Outputs to the channel's script that are worth it are deposits, whoever made them; of too many the most valuable. One that replaced a deposit
 * under another id takes its place.
 */
export function withFound(state: PayerState, view: ChainView): PayerState {
  if (view.found.length === 0) return state;
  const known = new Set(allDeposits(state).map(({ outpoint }) => outpointKey(outpoint)));
  const found = new Map(view.found.map((one) => [outpointKey(one.deposit.outpoint), one]));
  const worth = [...found].filter(([key, { deposit }]) => !known.has(key) && deposit.value >= leastDeposit(state.terms));
  const made = worth.map(([, { deposit }]) => deposit);
  const kept = state.offered.filter((deposit) => !isAbsent(viewOf(deposit, view)) || !made.some(({ value }) => value === deposit.value));
  const most = Math.max(MOST_FOUND, known.size) - state.deposits.length;
  const offered = mostValuable([...kept, ...made], most);
  const taken = worth.map(([, one]) => one).filter(({ deposit }) => offered.includes(deposit));
  if (taken.length === 0) return state;
  const next = { ...state, offered, funding: withFunding(state.funding, taken) };
  return next.kind === 'planned' ? { ...next, kind: 'funding' } : next;
}

/** So many of the deposits, in their order. */
export function mostValuable(deposits: readonly Deposit[], most: number): readonly Deposit[] {
  if (deposits.length <= most) return deposits;
  const best = new Set(byValue(deposits).slice(0, most));
  return deposits.filter((deposit) => best.has(deposit));
}

export function byValue(deposits: readonly Deposit[]): readonly Deposit[] {
  return deposits.toSorted((a, b) => Number(a.value < b.value) - Number(a.value > b.value));
}

/** Each transaction once, however many deposits it makes. */
function withFunding(funding: readonly Uint8Array[], taken: ChainView['found']): readonly Uint8Array[] {
  const fresh = [...new Set(taken.map(({ transaction }) => transaction))];
  const all = [...funding];
  for (const bytes of fresh) if (!all.some((one) => equalBytes(one, bytes))) all.push(bytes);
  return all;
}
