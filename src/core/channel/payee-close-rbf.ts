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

/** From here on an agreed end that is not mined is a danger, and the payee's own close is sent in its place. */
const URGENT_FACTOR = 10n;

/** The deposits that the best payment takes from; when there is none, those that an end spends, or all of them. */
export function stakedDeposits(state: PayeeState): readonly Deposit[] {
  const { terms, deposits, best } = state;
  if (best === undefined) return state.kind === 'closing' ? spentBy(state.transaction, deposits) : deposits;
  const planned = terms.contract.plan(terms, deposits, best.total);
  return isRefusal(planned) ? deposits : planned.inputs.map(({ deposit }) => deposit);
}

/** Those of them that no block held when the chain was last looked at. */
export function unminedStake(state: PayeeState): readonly Deposit[] {
  const { deposits, places } = state;
  return places === undefined ? [] : stakedDeposits(state).filter((deposit) => places[deposits.indexOf(deposit)]?.at !== 'block');
}

/** The close of the best payment, at the rate that the height and the market ask for, and high enough to take the place of `rival`. */
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
 * Sees that what the payee is owed gets mined. A close under flexible terms is made anew for the deposits that can be had and at the rate
 * that is due; what is signed for good is sent again, and paid for by children. What is in a block is left alone.
 */
export function bumpClose(state: Closing, view: ChainView, env: Env): Step<PayeeState> {
  return isToBeKept(state, view, env) ? keepOrCpfp(state, view, env) : claimOrReplace(state, view, env);
}

/** Whether the transaction is the one to wait for: no other could be made, or it is an agreed end that may still come in time. */
function isToBeKept(state: Closing, view: ChainView, env: Env): boolean {
  const { terms, deposits, transaction, best } = state;
  const isFixed = terms.signing.kind === 'fixed';
  if (best === undefined) return true;
  if (isOwnClose(state)) return isFixed;
  const seen = spentBy(transaction, deposits).map((deposit) => viewOf(deposit, view));
  if (seen.some((one) => isTakenFrom(one, transaction))) return false;
  // Where the fee is fixed the own close takes no end's place in the mempool.
  const isOnItsWay = isFixed && seen.every(isSpent);
  return isOnItsWay || closeUrgency(terms, possible(terms.expiry, env)).factor < URGENT_FACTOR;
}

/** Whether a deposit can't be spent by a transaction any more, as the chain is now. */
export function isTakenFrom(seen: DepositView, transaction: Transaction): boolean {
  return seen.kind === 'missing' || seen.kind === 'replaced' || (isSpent(seen) && !isSame(seen.transaction, transaction));
}

/** An own close takes from the deposits of the plan only, and pays to the payee and its change; an agreed end has another rest. */
export function isOwnClose({ terms, deposits, transaction, best }: Closing): boolean {
  const planned = best === undefined ? refuse('nothing-to-close') : terms.contract.plan(terms, deposits, best.total);
  if (isRefusal(planned)) return false;
  const taken = planned.inputs.map(({ deposit }) => deposit);
  const isChange = ({ value, script }: Transaction['outputs'][number]): boolean =>
    value === planned.change && equalBytes(script, payerScript(terms));
  return (
    spentBy(transaction, taken).length === transaction.inputs.length &&
    transaction.outputs.every((output) => equalBytes(output.script, terms.payeeScript) || isChange(output))
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

/** Another close, or an end, that waits in the mempool and takes all of the stake: while nothing replaces it, it is the one that children pay for. */
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

/** What goes out for good has the children with it that may not get in later. */
export function withCpfpChildren<State extends PayeeState | undefined>(step: Step<State>, env: Env): Step<State> {
  const { state, effects } = step;
  const sent = effects.flatMap((effect) => (effect.kind === 'broadcast' ? [effect.transaction] : []));
  if (state?.kind !== 'closing' || sent.length !== 1 || sent[0] !== state.transaction || !isFinal(state.terms, sent[0])) return step;
  return { ...step, effects: [...effects, ...cpfpEffects(state, state.transaction, env).slice(1)] };
}

/** Deposits that nobody has spent come first; then those that something else is about to take; then the own close, if it is too slow. */
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

/** What is in no block may never be, nor what spends it: until blocks have taken all the rest, it is left alone. A payment of a fixed fee is whole. */
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
  // What others build on the own close makes its raise dearer, never due.
  const isDue = (own: Cost): boolean => isHeldUp || isBetter(state, { fee: own.fee, size: own.size }, closeAtDueRate(state, env, spared));
  if (isThere && before !== undefined && !isDue(before)) return stay(state);
  const made = closeAtDueRate(state, env, spared, before);
  const better = isBetter(state, before, made) ? made : undefined;
  if (isThere) return better === undefined ? stay(state, ...cpfpEffects(state, there, env)) : sent(state, better);
  return contestWith(state, keptFor(state, taking), better, isShared);
}

/** Where neither the deposits nor the node tell what a rival pays, the node says whether a raised claim is enough. */
function isBetter({ terms, deposits }: Closing, before: Cost | undefined, made: Transaction | Refusal): made is Transaction {
  if (isRefusal(made)) return false;
  const after = costOf(made, deposits);
  return before === undefined || (after !== undefined && isRaise(terms.coin.policy, before, after));
}

/** Against what is not the own close: the better version of that, or the last one once more. */
function contestWith(state: Closing, kept: Transaction | undefined, better: Transaction | undefined, isShared: boolean): Step<PayeeState> {
  if (better !== undefined && (kept === undefined || isRaiseOf(state, kept, better))) return sent(state, better);
  return kept === undefined || isShared ? stay(state) : sent(state, kept);
}

/** A close that others share is as good as the own one, which goes out again when that is gone. */
function isCloseOf({ terms }: Closing, target: readonly Contested[]): boolean {
  return target.every(({ deposit, seen }) => branchOf(terms, deposit, seen) === 'close');
}

function isRaiseOf({ terms, deposits }: Closing, kept: Transaction, made: Transaction): boolean {
  const [before, after] = [costOf(kept, deposits), costOf(made, deposits)];
  return before !== undefined && after !== undefined && isRaise(terms.coin.policy, before, after);
}

/** What was sent last, if it takes just these. */
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
