import { type Amount, add, isAmount, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { possible } from '../base/lock-time.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { type Deposit, isDue } from '../contract/contract.ts';
import type { Transaction } from '../tx/transaction.ts';
import { reaching } from './backing.ts';
import { branchOf, isLongPast, isSettled, isSpent, isWaiting, spentBy, transactionsOf, viewOf } from './fate.ts';
import { type ChainView, type DepositView, type Env, type Step, stay } from './machine.ts';
import { closed } from './payee-close.ts';
import { claimed, pressed, stakeOf } from './payee-press.ts';
import { type ActivePayee, isActive, type PayeeState } from './payee-state.ts';

/** What the payee does about the chain as it is now: closes in time, pauses and resumes, sees to its close until it is buried. */
export function observed(state: PayeeState, view: ChainView, env: Env): Step<PayeeState> | Refusal {
  if (state.kind === 'ended') return stay(state);
  if (isOver(state, view, env)) return stay(over(state, view, env));
  if (isForgone(state, view, env)) return stay({ ...withoutTransaction(state), kind: 'ended', how: 'unused' });
  if (state.kind === 'closing') return pressed(state, view, env);
  const needed = state.best === undefined ? state.deposits.slice(0, 1) : stakeOf(state);
  const seen = needed.map((deposit) => viewOf(deposit, view));
  if (seen.some((one) => isSpent(one) || isSettled(one, state.terms, env))) return contested(state, view, env);
  return isDue(state.terms, env) ? due(state, view, env) : stay(reaching(state, needed, view));
}

/** Inside the margin the best payment is closed; without one there is nothing to lose and the payer may have it all back. */
function due(state: ActivePayee, view: ChainView, env: Env): Step<PayeeState> | Refusal {
  if (state.best !== undefined) return closing(state, view, env);
  return possible(state.terms.expiry, env) >= state.terms.expiry ? stay({ ...state, kind: 'ended', how: 'unused' }) : stay(state);
}

function closing(state: ActivePayee, view: ChainView, env: Env): Step<PayeeState> | Refusal {
  const step = closed(state, env);
  return isRefusal(step) ? step : pressed(step.state, view, env);
}

/** A deposit of the best payment went while no close was under way: by an older self's end, a refund, or coins spent twice. The best payment contests it; nothing more is taken. */
function contested(state: ActivePayee, view: ChainView, env: Env): Step<PayeeState> {
  const step = closing(state, view, env);
  if (!isRefusal(step)) return step;
  return stay(state.kind === 'paused' ? state : { ...state, kind: 'paused' });
}

/** Whether nothing is left that the payee could have. What took the rest is buried. */
function isOver(state: PayeeState, view: ChainView, env: Env): boolean {
  const { terms, best } = state;
  const stake = stakeOf(state);
  const settled = stake.filter((deposit) => isSettled(viewOf(deposit, view), terms, env));
  if (settled.length === 0) return false;
  if (best === undefined) return settled.length === stake.length;
  const rest = claimed(state, env, settled);
  return isRefusal(rest) && rest.code !== 'contract-unfit';
}

/** An end at nothing that no block took: the payer can have its own back alone by now, and whoever never asks for it keeps nobody waiting. */
function isForgone(state: PayeeState, view: ChainView, env: Env): boolean {
  const { kind, terms, best } = state;
  if (kind !== 'closing' || best !== undefined || !isLongPast(terms, env)) return false;
  return !stakeOf(state).some((deposit) => isMined(viewOf(deposit, view)));
}

function isMined(seen: DepositView): boolean {
  return isSpent(seen) && !isWaiting(seen);
}

function over(state: PayeeState, view: ChainView, env: Env): PayeeState {
  const { terms, deposits } = state;
  const settled = deposits.map((deposit) => ({ deposit, seen: viewOf(deposit, view) })).filter(({ seen }) => isSettled(seen, terms, env));
  const spends = settled.flatMap(({ deposit, seen }) => (isSpent(seen) ? [{ seen, branch: branchOf(terms, deposit, seen) }] : []));
  const closes = transactionsOf(spends.filter(({ branch }) => branch === 'close').map(({ seen }) => seen));
  const [transaction = settled.flatMap(({ seen }) => ('transaction' in seen ? [seen.transaction] : []))[0]] = closes;
  const rest = spends.some(({ branch }) => branch === 'refund') ? 'refunded' : 'lost';
  const received = receivedBy(state, deposits, closes);
  return {
    ...withoutTransaction(state),
    kind: 'ended',
    how: closes.length > 0 ? 'closed' : rest,
    ...(transaction === undefined ? {} : { transaction }),
    ...(received === undefined ? {} : { received }),
  };
}

/** What was sent need not be what ended it. */
function withoutTransaction(state: PayeeState): ActivePayee {
  if (isActive(state)) return state;
  const { kind: _, transaction: __, ...channel } = state;
  return { ...channel, kind: 'paused' };
}

/** What closes paid to the payee; undefined where one of them closed other channels too. */
function receivedBy({ terms }: PayeeState, deposits: readonly Deposit[], closes: readonly Transaction[]): Amount | undefined {
  if (closes.some((close) => spentBy(close, deposits).length < close.inputs.length)) return undefined;
  const paid = closes.flatMap(({ outputs }) => outputs.filter(({ script }) => equalBytes(script, terms.payeeScript)));
  return add(ZERO, ...paid.map(({ value }) => value).filter(isAmount));
}
