import { type Amount, add, ZERO } from '../base/amount.ts';
import { possible } from '../base/lock-time.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { type Deposit, isDue, type Terms } from '../contract/contract.ts';
import { movedTo } from '../contract/units.ts';
import type { Transaction } from '../tx/transaction.ts';
import { reaching } from './confirmed-capacity.ts';
import { branchOf, isLongPast, isSettled, isSpent, isWaiting, spentBy, transactionsOf, viewOf } from './deposit-view.ts';
import { areSettled } from './held-outputs.ts';
import { startClosing } from './payee-close.ts';
import { bumpClose, closeAtDueRate, stakedDeposits } from './payee-close-rbf.ts';
import { areLocksSettled, lockClaims, withLocks } from './payee-lock-claims.ts';
import { payouts, withPayouts } from './payee-payout.ts';
import { type ActivePayee, type ClosingPayee, isActive, type PayeeState } from './payee-state.ts';
import { type ChainView, type DepositView, type Env, type Step, stay } from './state-machine.ts';

/** The payee's reaction to the chain as it is now: closes in time, pauses and resumes, raises its close until it is buried. */
export function payeeOnchain(known: PayeeState, view: ChainView, env: Env): Step<PayeeState> | Refusal {
  if (known.kind === 'ended') return stay(known);
  const state = withLocks(withPayouts(known, view, env), view);
  const step = decideOnchain(state, view, env);
  const due = [...payouts(state, view, env), ...lockClaims(state, view, env)];
  if (due.length === 0) return step;
  return isRefusal(step) ? stay(state, ...due) : { ...step, effects: [...step.effects, ...due] };
}

type LivingPayee = ActivePayee | ClosingPayee;

function decideOnchain(state: LivingPayee, view: ChainView, env: Env): Step<PayeeState> | Refusal {
  if (isOver(state, view, env)) return stay(endedChannel(state, view, env));
  if (isAbandonedEnd(state, view, env)) return stay({ ...withoutTransaction(state), kind: 'ended', how: 'unused' });
  if (state.kind === 'closing') return bumpClose(state, view, env);
  const needed = state.best === undefined ? state.deposits.slice(0, 1) : stakedDeposits(state);
  const seen = needed.map((deposit) => viewOf(deposit, view));
  if (seen.some((one) => isSpent(one) || isSettled(one, state.terms, env))) return contestSpend(state, view, env);
  return isDue(state.terms, env) ? closeWhenDue(state, view, env) : stay(reaching(state, needed, view));
}

/** Within the margin the best payment is closed. Without a payment there is nothing to lose, and the payer may take everything back. */
function closeWhenDue(state: ActivePayee, view: ChainView, env: Env): Step<PayeeState> | Refusal {
  if (state.best !== undefined) return startClose(state, view, env);
  return possible(state.terms.expiry, env) >= state.terms.expiry ? stay({ ...state, kind: 'ended', how: 'unused' }) : stay(state);
}

function startClose(state: ActivePayee, view: ChainView, env: Env): Step<PayeeState> | Refusal {
  const step = startClosing(state, env);
  return isRefusal(step) ? step : bumpClose(step.state, view, env);
}

/**
 * A deposit of the best payment was spent before any close began: by an end signed before a restore, a refund, or a double spend. The payee sends the
 * best payment's close against it and accepts no more payments.
 */
function contestSpend(state: ActivePayee, view: ChainView, env: Env): Step<PayeeState> {
  const step = startClose(state, view, env);
  if (!isRefusal(step)) return step;
  return stay(state.kind === 'paused' ? state : { ...state, kind: 'paused' });
}

/** Whether nothing is left for the payee to take, and everything that took the rest is buried. */
function isOver(state: PayeeState, view: ChainView, env: Env): boolean {
  const { terms, best } = state;
  const stake = stakedDeposits(state);
  const settled = stake.filter((deposit) => isSettled(viewOf(deposit, view), terms, env));
  if (settled.length === 0) return false;
  if (best === undefined) return settled.length === stake.length;
  const rest = closeAtDueRate(state, env, settled);
  return isRefusal(rest) && rest.code !== 'contract-unfit' && areSettled(state, view, env) && areLocksSettled(state, view, env);
}

/** An agreed end without any payment that was never mined: by now the payer can take its deposits back alone, so the payee stops waiting. */
function isAbandonedEnd(state: PayeeState, view: ChainView, env: Env): boolean {
  const { kind, terms, best } = state;
  if (kind !== 'closing' || best !== undefined || !isLongPast(terms, env)) return false;
  return !stakedDeposits(state).some((deposit) => isMined(viewOf(deposit, view)));
}

function isMined(seen: DepositView): boolean {
  return isSpent(seen) && !isWaiting(seen);
}

function endedChannel(state: PayeeState, view: ChainView, env: Env): PayeeState {
  const { terms, deposits } = state;
  const settled = deposits.map((deposit) => ({ deposit, seen: viewOf(deposit, view) })).filter(({ seen }) => isSettled(seen, terms, env));
  const spends = settled.flatMap(({ deposit, seen }) => (isSpent(seen) ? [{ seen, branch: branchOf(terms, deposit, seen) }] : []));
  const closes = transactionsOf(spends.filter(({ branch }) => branch === 'close').map(({ seen }) => seen));
  const [transaction = settled.flatMap(({ seen }) => ('transaction' in seen ? [seen.transaction] : []))[0]] = closes;
  const rest = spends.some(({ branch }) => branch === 'refund') ? 'refunded' : 'lost';
  const paidOut = paidOutOf(state, view);
  const direct = receivedBy(state, deposits, closes);
  const received = paidOut ?? (direct === undefined ? undefined : add(direct, claimedOf(state, view)));
  return {
    ...withoutTransaction(state),
    kind: 'ended',
    how: closes.length > 0 && paidOut !== ZERO ? 'closed' : rest,
    ...(transaction === undefined ? {} : { transaction }),
    ...(received === undefined ? {} : { received }),
  };
}

/** The transaction that was sent need not be the one that ended the channel. */
function withoutTransaction(state: PayeeState): ActivePayee {
  if (isActive(state)) return state;
  const { kind: _, transaction: __, ...channel } = state;
  return { ...channel, kind: 'paused' };
}

/** What closes paid to the payee; undefined where one of them closed other channels too. */
function receivedBy({ terms }: PayeeState, deposits: readonly Deposit[], closes: readonly Transaction[]): Amount | undefined {
  if (closes.some((close) => spentBy(close, deposits).length < close.inputs.length)) return undefined;
  return paidTo(terms, closes);
}

/** What was had with preimages. */
function claimedOf({ terms, locked = [] }: PayeeState, view: ChainView): Amount {
  return paidTo(terms, transactionsOf(locked.map((one) => viewOf(one, view)).filter(isSpent)));
}

/** What was had of what closes held: nothing, where the payer took it; undefined where they held nothing. */
function paidOutOf({ terms, held }: PayeeState, view: ChainView): Amount | undefined {
  const takers = held && transactionsOf(held.map((one) => viewOf(one, view)).filter(isSpent));
  return takers && paidTo(terms, takers);
}

function paidTo(terms: Terms, transactions: readonly Transaction[]): Amount {
  return movedTo(terms, transactions, terms.payeeScript);
}
