import { isAmount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { depthFor } from '../coin/coin.ts';
import type { Deposit } from '../contract/contract.ts';
import { leastDeposit } from '../contract/tx-size.ts';
import { coinsOf, leftBy } from '../contract/units.ts';
import { decodeTransaction, type Outpoint, outpointKey, sameOutpoint } from '../tx/transaction.ts';
import { spentBy, viewOf } from './deposit-view.ts';
import { MAX_DEPOSITS } from './offer-fit.ts';
import { allDeposits, type PayerState, sourcesOf, standing, unsentWithout } from './payer-state.ts';
import type { ChainView } from './state-machine.ts';

/**
 * The most deposits that a channel takes from outputs found in the chain: each costs a question to the node at every look, and anyone can make
 * thousands.
 */
export const MOST_FOUND = 64;

/** The most deposits at which outputs of strangers still join a channel: the rest of its places is kept for the payer's own. */
const MOST_JOINED = MAX_DEPOSITS / 2;

/**
 * Outputs to the channel's script that are large enough become deposits, whoever made them; if there are too many, the most valuable ones. Those of
 * strangers count once they are as deep as the payee asks for. An output that replaced a deposit under another id is the payer's own and takes its
 * place.
 */
export function withFoundDeposits(state: PayerState, view: ChainView): PayerState {
  return admitDeep(view.found.length === 0 ? state : matchFound(state, view), view);
}

function matchFound(state: PayerState, view: ChainView): PayerState {
  const known = new Set(allDeposits(state).map(({ outpoint }) => outpointKey(outpoint)));
  const found = new Map(view.found.map((one) => [outpointKey(one.deposit.outpoint), inUnits(state, one)]));
  const worth = [...found].filter(([key, { deposit }]) => !known.has(key) && coinsOf(deposit) >= leastDeposit(state.terms));
  const made = worth.map(([, { deposit }]) => deposit);
  const young = new Set(state.found?.map(outpointKey));
  const mine = state.offered.filter(({ outpoint }) => !young.has(outpointKey(outpoint)));
  const replaced = sameCoins(
    state,
    mine,
    worth.map(([, one]) => one),
  );
  const renamed = [...replaced.values()];
  const own = [...mine.filter((deposit) => !replaced.has(deposit)), ...[...replaced].map(([{ value }, made]) => ({ ...made, value }))];
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
  // An output of a stranger does not mean that the payee agreed to what this payer has signed.
  return next.kind === 'planned' ? { ...next, ...unsentWithout(state, renamed), kind: 'funding' } : next;
}

/** An output in the channel's unit: of an asset, what a close has left at the deposits' script; other coins there are worth nothing of it. */
function inUnits(state: PayerState, one: ChainView['found'][number]): ChainView['found'][number] {
  const { terms } = state;
  const made = terms.asset === undefined ? undefined : decodeTransaction(one.transaction);
  if (made === undefined) return one;
  const { outpoint, value: coins } = one.deposit;
  return { ...one, deposit: { outpoint, value: leftBy(terms, made, spentBy(made, allDeposits(state))), coins } };
}

/** Deposits and the outputs found in their place: of the same value, from the same inputs. Anyone who relays a transaction can change its id. */
function sameCoins(state: PayerState, own: readonly Deposit[], found: ChainView['found']): ReadonlyMap<Deposit, Deposit> {
  const sources = new Map(sourcesOf(state).map(({ deposit, spends }) => [outpointKey(deposit), new Set(spends.map(outpointKey))]));
  const replaced = new Map<Deposit, Deposit>();
  for (const deposit of own) {
    const coins = sources.get(outpointKey(deposit.outpoint));
    const alike = found.filter(({ deposit: made }) => coinsOf(made) === coinsOf(deposit) && made.outpoint.vout === deposit.outpoint.vout);
    const [same] = alike.filter(({ transaction }) =>
      decodeTransaction(transaction)?.inputs.some(({ outpoint }) => coins?.has(outpointKey(outpoint))),
    );
    if (same !== undefined) replaced.set(deposit, same.deposit);
  }
  return replaced;
}

/** Found deposits that are deep enough now: placed after those that count already, before those that do not yet. */
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

function isDeep(state: PayerState, deposit: Deposit, all: readonly Deposit[], view: ChainView): boolean {
  const { offer } = state;
  const seen = viewOf(deposit, view);
  if (offer === undefined || state.terms.asset !== undefined || seen.kind !== 'unspent' || all.length > MOST_JOINED) return false;
  const capacity = all.reduce((sum, { value }) => sum + value, 0n);
  if (!isAmount(capacity) || capacity > offer.maxDeposit) return false;
  return seen.depth >= Math.max(1, depthFor(offer.depth, capacity));
}

/** The found deposits that remain when these count. */
export function foundWithout({ found }: PayerState, deposits: readonly Deposit[]): Pick<PayerState, 'found'> {
  const isLeft = (outpoint: Outpoint): boolean => !deposits.some((deposit) => sameOutpoint(deposit.outpoint, outpoint));
  return found === undefined ? {} : { found: found.filter(isLeft) };
}

/** The most valuable deposits, up to a number, in their order. */
export function mostValuable(deposits: readonly Deposit[], most: number): readonly Deposit[] {
  if (deposits.length <= most) return deposits;
  const best = new Set(byValue(deposits).slice(0, most));
  return deposits.filter((deposit) => best.has(deposit));
}

export function byValue(deposits: readonly Deposit[]): readonly Deposit[] {
  return deposits.toSorted((a, b) => Number(a.value < b.value) - Number(a.value > b.value));
}

/** Each transaction once, even if it makes several deposits. */
function withFunding(funding: readonly Uint8Array[], taken: ChainView['found']): readonly Uint8Array[] {
  const fresh = [...new Set(taken.map(({ transaction }) => transaction))];
  const all = [...funding];
  for (const bytes of fresh) if (!all.some((one) => equalBytes(one, bytes))) all.push(bytes);
  return all;
}
