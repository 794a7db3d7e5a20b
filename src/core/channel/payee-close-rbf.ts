import { type Amount, greatest, isAmount, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { possible } from '../base/lock-time.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { capacityOf, type Deposit, payerScript } from '../contract/contract.ts';
import { URGENT_STEPS } from '../contract/cpfp.ts';
import { affordableRate, type Cost, closeUrgency, costOf, isFinal, isRaise, isReplaceable, raisedRate, times } from '../contract/fee.ts';
import { closeSize } from '../contract/tx-size.ts';
import type { Transaction } from '../tx/transaction.ts';
import { branchOf, combinedCost, isSame, isSpent, isWaiting, type Spend, spentBy, transactionsOf, viewOf } from './deposit-view.ts';
import { broadcastPackage } from './package-broadcast.ts';
import type { ClosingPayee as Closing, PayeeState } from './payee-state.ts';
import { type ChainView, type DepositView, type Effect, type Env, type Step, stay } from './state-machine.ts';

/** From this urgency on the payee does not wait for an unconfirmed agreed end: it sends its own close instead. */
const URGENT_FACTOR = 10n;

/** The deposits that the best payment spends. Without a payment: those that an agreed end spends, or all of them. */
export function stakedDeposits(state: PayeeState): readonly Deposit[] {
  const { terms, deposits, best } = state;
  if (best === undefined) return state.kind === 'closing' ? spentBy(state.transaction, deposits) : deposits;
  const planned = terms.contract.plan(terms, deposits, best.total, best.hash, best.locks);
  return isRefusal(planned) ? deposits : planned.inputs.map(({ deposit }) => deposit);
}

/** Those of them that were in no block when the chain was last looked at. */
export function unminedStake(state: PayeeState): readonly Deposit[] {
  const { deposits, places } = state;
  return places === undefined ? [] : stakedDeposits(state).filter((deposit) => places[deposits.indexOf(deposit)]?.at !== 'block');
}

/** The close of the best payment, at the rate that is due now and high enough to replace `rival`. */
export function closeAtDueRate(state: PayeeState, env: Env, without: readonly Deposit[] = [], rival?: Cost): Transaction | Refusal {
  const { terms, deposits, best: payment } = state;
  if (payment === undefined) return refuse('nothing-to-close');
  const { policy } = terms.coin;
  const close = (feeRate: Amount): Transaction | Refusal =>
    terms.contract.close([{ terms, deposits, payment, signer: env.signer, without }], { script: terms.payeeScript, feeRate });
  const cheapest = close(policy.feeRate);
  if (isRefusal(cheapest) || terms.signing.kind === 'fixed') return cheapest;
  const size = closeSize(terms, cheapest.inputs.length, cheapest.outputs.length);
  const { factor, share } = closeUrgency(terms, possible(terms.expiry, env));
  const wanted = greatest(times(env.feeRate, factor), rival === undefined ? ZERO : raisedRate(policy, rival, size));
  const quick = close(affordableRate(policy, wanted, share, takenBy(state, cheapest), size));
  return isRefusal(quick) ? cheapest : quick;
}

/** What a close takes for the payee, fee included. */
function takenBy({ terms, deposits }: PayeeState, transaction: Transaction): Amount {
  const change = transaction.outputs.find(({ script }) => equalBytes(script, payerScript(terms)));
  const taken = capacityOf(spentBy(transaction, deposits)) - (change?.value ?? 0n);
  return isAmount(taken) ? taken : ZERO;
}

/**
 * Gets the payee's money mined. Under flexible terms a close is made again for the deposits that can still be spent, at the rate that is due; with a
 * fixed fee the same transaction is sent again, and children pay for it. A confirmed close is left alone.
 */
export function bumpClose(state: Closing, view: ChainView, env: Env): Step<PayeeState> {
  return isToBeKept(state, view, env) ? keepOrCpfp(state, view, env) : claimOrReplace(state, view, env);
}

/** Whether to wait for this transaction: no other is possible, or it is an agreed end that may still be mined in time. */
function isToBeKept(state: Closing, view: ChainView, env: Env): boolean {
  const { terms, deposits, transaction, best } = state;
  const isFixed = terms.signing.kind === 'fixed';
  if (best === undefined) return true;
  if (isOwnClose(state)) return isFixed;
  const seen = spentBy(transaction, deposits).map((deposit) => viewOf(deposit, view));
  if (seen.some((one) => isTakenFrom(one, transaction))) return false;
  // With a fixed fee the own close can't replace an agreed end in the mempool.
  const isOnItsWay = isFixed && seen.every(isSpent);
  return isOnItsWay || closeUrgency(terms, possible(terms.expiry, env)).factor < URGENT_FACTOR;
}

/** Whether a transaction can't spend a deposit any more, as the chain is now. */
export function isTakenFrom(seen: DepositView, transaction: Transaction): boolean {
  return seen.kind === 'missing' || seen.kind === 'replaced' || (isSpent(seen) && !isSame(seen.transaction, transaction));
}

/** An own close spends the plan's deposits only, and pays only the payee and the planned change; an agreed end pays the rest elsewhere. */
export function isOwnClose({ terms, deposits, transaction, best }: Closing): boolean {
  const planned = best === undefined ? refuse('nothing-to-close') : terms.contract.plan(terms, deposits, best.total, best.hash, best.locks);
  if (isRefusal(planned)) return false;
  const taken = planned.inputs.map(({ deposit }) => deposit);
  const { hashLocks } = terms.contract;
  const isBeside = ({ value, script }: Transaction['outputs'][number]): boolean =>
    (value === planned.change && equalBytes(script, payerScript(terms))) ||
    (planned.locks ?? []).some((lock) => hashLocks !== undefined && equalBytes(script, hashLocks.outputScript(terms, lock)));
  return (
    spentBy(transaction, taken).length === transaction.inputs.length &&
    transaction.outputs.every((output) => equalBytes(output.script, terms.contract.paysTo(terms, best?.hash)) || isBeside(output))
  );
}

function keepOrCpfp(state: Closing, view: ChainView, env: Env): Step<PayeeState> {
  const { deposits, transaction } = state;
  const seen = spentBy(transaction, deposits).map((deposit) => viewOf(deposit, view));
  const spends = seen.filter(isSpent);
  if (spends.some(({ depth }) => depth > 0)) return stay(state);
  const children = cpfpEffects(state, otherCloseInMempool(state, view) ?? transaction, env);
  const isThere = spends.length === seen.length && spends.every((spend) => isSame(spend.transaction, transaction));
  if (children.length > 0) return stay(state, ...children);
  return isThere ? stay(state) : stay(state, { kind: 'broadcast', transaction });
}

/** Another close or an agreed end that is in the mempool and spends the whole stake: until something replaces it, children pay for that one. */
function otherCloseInMempool(state: Closing, view: ChainView): Transaction | undefined {
  const stake = stakedDeposits(state).map((deposit) => ({ deposit, seen: viewOf(deposit, view) }));
  const spends = stake.flatMap(({ deposit, seen }) => (isWaiting(seen) ? [{ deposit, seen }] : []));
  const [there, ...others] = transactionsOf(spends.map(({ seen }) => seen));
  return spends.length === stake.length && others.length === 0 && isCloseOf(state, spends) ? there : undefined;
}

function cpfpEffects({ terms, deposits }: Closing, transaction: Transaction, env: Env): readonly Effect[] {
  const { payeeScript: script } = terms;
  const wanted = times(env.feeRate, closeUrgency(terms, possible(terms.expiry, env)).factor);
  return broadcastPackage(transaction, {
    terms,
    deposits,
    script,
    signer: env.keyOf(script),
    rungs: URGENT_STEPS,
    wanted,
    isFinal: isFinal(terms, transaction),
  });
}

/** A transaction that can't be replaced is sent together with the children that might not be accepted later. */
export function withCpfpChildren<State extends PayeeState | undefined>(step: Step<State>, env: Env): Step<State> {
  const { state, effects } = step;
  const sent = effects.flatMap((effect) => (effect.kind === 'broadcast' ? [effect.transaction] : []));
  if (state?.kind !== 'closing' || sent.length !== 1 || sent[0] !== state.transaction || !isFinal(state.terms, sent[0])) return step;
  return { ...step, effects: [...effects, ...cpfpEffects(state, state.transaction, env).slice(1)] };
}

/** First claim deposits that are unspent; then those that an unconfirmed transaction spends; then raise the own close, if it pays too little. */
function claimOrReplace(state: Closing, view: ChainView, env: Env): Step<PayeeState> {
  const { terms, transaction } = state;
  const stake = minedFirst(
    state,
    stakedDeposits(state).map((deposit) => ({ deposit, seen: viewOf(deposit, view) })),
  );
  const here = stake.filter(({ seen }) => seen.kind === 'unspent').map(({ deposit }) => deposit);
  if (here.length > 0) return claimUnspent(state, here, env);
  const contested = stake.flatMap(({ deposit, seen }) => (isWaiting(seen) ? [{ deposit, seen }] : []));
  if (contested.length > 0) {
    const rivals = contested.filter(({ deposit, seen }) => branchOf(terms, deposit, seen) !== 'close');
    return claimContested(state, rivals.length > 0 ? rivals : contested, env);
  }
  return stake.some(({ seen }) => isSpent(seen)) ? stay(state) : stay(state, { kind: 'broadcast', transaction });
}

interface Staked {
  readonly deposit: Deposit;
  readonly seen: DepositView;
}

/**
 * Leaves out deposits in no block until everything else is confirmed as spent: they, and what spends them, may never be mined. A payment with a fixed
 * fee can't be split.
 */
function minedFirst(state: Closing, stake: readonly Staked[]): readonly Staked[] {
  if (state.terms.signing.kind === 'fixed') return stake;
  const mined = stake.filter(({ deposit, seen }) => isMined(state, deposit, seen));
  return mined.every(({ seen }) => isSpent(seen) && !isWaiting(seen)) ? stake : mined;
}

function isMined(state: Closing, deposit: Deposit, seen: DepositView): boolean {
  if (seen.kind === 'unspent') return seen.depth > 0;
  if (!isSpent(seen)) return false;
  return !isWaiting(seen) || (seen.depositDepth === undefined ? !unminedStake(state).includes(deposit) : seen.depositDepth > 0);
}

function claimUnspent(state: Closing, target: readonly Deposit[], env: Env): Step<PayeeState> {
  const made = closeAtDueRate(state, env, without(state, target));
  const kept = keptFor(state, target);
  if (isRefusal(made)) return stay(state, { kind: 'broadcast', transaction: state.transaction });
  return kept !== undefined && !isRaiseOf(state, kept, made) ? sent(state, kept) : sent(state, made);
}

interface Contested {
  readonly deposit: Deposit;
  readonly seen: Spend;
}

function claimContested(state: Closing, target: readonly Contested[], env: Env): Step<PayeeState> {
  const { terms, deposits, transaction } = state;
  const { policy } = terms.coin;
  const taking = target.map(({ deposit }) => deposit);
  const spends = target.map(({ seen }) => seen);
  const rivals = transactionsOf(spends);
  const [there] = rivals;
  const isThere = rivals.length === 1 && there !== undefined && isSame(there, transaction);
  const isOnly = there !== undefined && rivals.length === 1 && isCloseOf(state, target);
  if (!rivals.every((rival) => isReplaceable(policy, rival))) return stay(state, ...(isOnly ? cpfpEffects(state, there, env) : []));
  const spared = without(state, taking);
  const isShared = !isThere && isCloseOf(state, target) && rivals.some((rival) => costOf(rival, deposits) === undefined);
  const before = isShared ? undefined : combinedCost(spends, deposits);
  const isHeldUp = spentBy(transaction, stakedDeposits(state)).length > taking.length;
  // Descendants that others add to the own close make a raise more expensive, but are no reason for one.
  const isDue = (own: Cost): boolean => isHeldUp || isBetter(state, { fee: own.fee, size: own.size }, closeAtDueRate(state, env, spared));
  if (isThere && before !== undefined && !isDue(before)) return stay(state);
  const made = closeAtDueRate(state, env, spared, before);
  const better = isBetter(state, before, made) ? made : undefined;
  if (isThere) return better === undefined ? stay(state, ...cpfpEffects(state, there, env)) : sent(state, better);
  return contestWith(state, keptFor(state, taking), better, isShared);
}

/** If the cost of a rival is unknown, a raised claim is sent anyway, and the node decides whether it pays enough. */
function isBetter({ terms, deposits }: Closing, before: Cost | undefined, made: Transaction | Refusal): made is Transaction {
  if (isRefusal(made)) return false;
  const after = costOf(made, deposits);
  return before === undefined || (after !== undefined && isRaise(terms.coin.policy, before, after));
}

/** Against another transaction: sends the new version if it is better than our last one, otherwise the last one again. */
function contestWith(state: Closing, kept: Transaction | undefined, better: Transaction | undefined, isShared: boolean): Step<PayeeState> {
  if (better !== undefined && (kept === undefined || isRaiseOf(state, kept, better))) return sent(state, better);
  return kept === undefined || isShared ? stay(state) : sent(state, kept);
}

/** A shared close counts as the own close; if it disappears, the own close is sent again. */
function isCloseOf({ terms }: Closing, target: readonly Contested[]): boolean {
  return target.every(({ deposit, seen }) => branchOf(terms, deposit, seen) === 'close');
}

function isRaiseOf({ terms, deposits }: Closing, kept: Transaction, made: Transaction): boolean {
  const [before, after] = [costOf(kept, deposits), costOf(made, deposits)];
  return before !== undefined && after !== undefined && isRaise(terms.coin.policy, before, after);
}

/** The transaction that was sent last, if it spends exactly these deposits. */
function keptFor({ deposits, transaction }: Closing, target: readonly Deposit[]): Transaction | undefined {
  const isAll = transaction.inputs.length === target.length && spentBy(transaction, target).length === target.length;
  return isAll && spentBy(transaction, deposits).length === target.length ? transaction : undefined;
}

function without(state: Closing, target: readonly Deposit[]): readonly Deposit[] {
  return stakedDeposits(state).filter((deposit) => !target.includes(deposit));
}

function sent(state: Closing, transaction: Transaction): Step<PayeeState> {
  const next = transaction === state.transaction ? state : { ...state, transaction };
  return stay(next, { kind: 'broadcast', transaction });
}
