import { isAmount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { depthFor } from '../coin/coin.ts';
import type { Deposit } from '../contract/contract.ts';
import { leastDeposit } from '../contract/tx-size.ts';
import { decodeTransaction, type Outpoint, outpointKey, sameOutpoint } from '../tx/transaction.ts';
import { viewOf } from './deposit-view.ts';
import { MAX_DEPOSITS } from './payee-open.ts';
import { allDeposits, type PayerState, sourcesOf, standing, unsentWithout } from './payer-state.ts';
import type { ChainView } from './state-machine.ts';

/** Deposits that a channel comes to have by what is found: each costs a question to the node at every look, and anybody can make thousands. */
export const MOST_FOUND = 64;

/** Places of a channel that outputs of others take: whoever makes many leaves room for the payer's own. */
const MOST_JOINED = MAX_DEPOSITS / 2;

/**
 * Outputs to the channel's script that are worth it are deposits, whoever made them; of too many the most valuable. Those of others stand as such once
 * they are as deep as the payee asks for. One that replaced a deposit under another id is this payer's own, and takes its place.
 */
export function withFoundDeposits(state: PayerState, view: ChainView): PayerState {
  return admitDeep(view.found.length === 0 ? state : matchFound(state, view), view);
}

function matchFound(state: PayerState, view: ChainView): PayerState {
  const known = new Set(allDeposits(state).map(({ outpoint }) => outpointKey(outpoint)));
  const found = new Map(view.found.map((one) => [outpointKey(one.deposit.outpoint), one]));
  const worth = [...found].filter(([key, { deposit }]) => !known.has(key) && deposit.value >= leastDeposit(state.terms));
  const made = worth.map(([, { deposit }]) => deposit);
  const young = new Set(state.found?.map(outpointKey));
  const mine = state.offered.filter(({ outpoint }) => !young.has(outpointKey(outpoint)));
  const replaced = sameCoins(
    state,
    mine,
    worth.map(([, one]) => one),
  );
  const renamed = [...replaced.values()];
  const own = [...mine.filter((deposit) => !replaced.has(deposit)), ...renamed];
  const most = Math.max(0, Math.max(MOST_FOUND, known.size) - state.deposits.length - own.length);
  const others = mostValuable(
    [...state.offered.filter((deposit) => !mine.includes(deposit)), ...made.filter((deposit) => !renamed.includes(deposit))],
    most,
  );
  const taken = worth.map(([, one]) => one).filter(({ deposit }) => others.includes(deposit) || renamed.includes(deposit));
  if (taken.length === 0) return state;
  const next = {
    ...state,
    offered: [...own, ...others],
    found: others.map(({ outpoint }) => outpoint),
    funding: withFunding(state.funding, taken),
  };
  // What somebody else has made is no word of the payee's about what this payer has signed.
  return next.kind === 'planned' ? { ...next, ...unsentWithout(state, renamed), kind: 'funding' } : next;
}

/** Deposits and what was found of the same worth, made of the very coins that were to fund them: whoever passes that on can change its id. */
function sameCoins(state: PayerState, own: readonly Deposit[], found: ChainView['found']): ReadonlyMap<Deposit, Deposit> {
  const sources = new Map(sourcesOf(state).map(({ deposit, spends }) => [outpointKey(deposit), new Set(spends.map(outpointKey))]));
  const replaced = new Map<Deposit, Deposit>();
  for (const deposit of own) {
    const coins = sources.get(outpointKey(deposit.outpoint));
    const alike = found.filter(({ deposit: made }) => made.value === deposit.value && made.outpoint.vout === deposit.outpoint.vout);
    const [same] = alike.filter(({ transaction }) =>
      decodeTransaction(transaction)?.inputs.some(({ outpoint }) => coins?.has(outpointKey(outpoint))),
    );
    if (same !== undefined) replaced.set(deposit, same.deposit);
  }
  return replaced;
}

/** What was found and now stands for itself: behind what stands already, in front of what is young still. */
function admitDeep(state: PayerState, view: ChainView): PayerState {
  const { found = [], offered } = state;
  const young = offered.filter(({ outpoint }) => found.some((one) => sameOutpoint(one, outpoint)));
  const taken: Deposit[] = [];
  for (const deposit of young) if (isDeep(state, deposit, [...standing(state), ...taken, deposit], view)) taken.push(deposit);
  if (taken.length === 0) return state;
  const rest = young.filter((deposit) => !taken.includes(deposit));
  const first = offered.filter((deposit) => !young.includes(deposit));
  return { ...state, ...foundWithout(state, taken), offered: [...first, ...taken, ...rest] };
}

function isDeep({ offer }: PayerState, deposit: Deposit, all: readonly Deposit[], view: ChainView): boolean {
  const seen = viewOf(deposit, view);
  if (offer === undefined || seen.kind !== 'unspent' || all.length > MOST_JOINED) return false;
  const capacity = all.reduce((sum, { value }) => sum + value, 0n);
  if (!isAmount(capacity) || capacity > offer.maxDeposit) return false;
  return seen.depth >= Math.max(1, depthFor(offer.depth, capacity));
}

/** What is young still when these stand for themselves. */
export function foundWithout({ found }: PayerState, deposits: readonly Deposit[]): Pick<PayerState, 'found'> {
  const isLeft = (outpoint: Outpoint): boolean => !deposits.some((deposit) => sameOutpoint(deposit.outpoint, outpoint));
  return found === undefined ? {} : { found: found.filter(isLeft) };
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
