import { type Amount, amount, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { certain } from '../base/lock-time.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { PATIENT } from '../contract/child.ts';
import { type Deposit, payerScript } from '../contract/contract.ts';
import { costOf, isRaise, isReplaceable, refundUrgency, sumOf, times } from '../contract/fee.ts';
import { outpointKey, type Transaction } from '../tx/transaction.ts';
import { branchOf, isAbsent, isSame, isSettled, isSpent, isWaiting, type Spend, spentBy, transactionsOf, viewOf } from './fate.ts';
import { hurried } from './hurry.ts';
import { type ChainView, type DepositView, type Effect, type Env, type Step, stay } from './machine.ts';
import { contested, refundOf } from './payer-contest.ts';
import { withFound } from './payer-found.ts';
import { fundingBroadcasts } from './payer-open.ts';
import { refundable } from './payer-release.ts';
import { allDeposits, channelOf, type EndedPayer, type PayerEnd, type PayerState, stillToCome } from './payer-state.ts';

/** What the payer does about the chain as it is now: takes in further deposits, refunds after expiry, ends when all is buried. */
export function watched(known: PayerState, view: ChainView, env: Env): Step<PayerState> | Refusal {
  if (known.kind === 'ended' && !hasCome(known, view)) return stay(known);
  const seen: PayerState = known.kind === 'ended' ? { ...channelOf(known), kind: 'funding' } : known;
  const state = withFound(seen, view);
  // What was only just found is in no view yet: nothing is judged before the next one shows it.
  if (state !== seen) return stay(state);
  const { terms } = state;
  const views = allDeposits(state).map((deposit) => viewOf(deposit, view));
  const spends = views.filter(isSpent);
  const isExpired = certain(terms.expiry, env) >= terms.expiry;
  // A funding transaction is sent until the expiry: what is still missing then was never made, or another took its place.
  const isLeft = views.some((one) => one.kind === 'unspent' || (isAbsent(one) && !isExpired && !isSettled(one, terms, env)));
  if (!isLeft && spends.length > 0 && spends.every((one) => isSettled(one, terms, env))) return over(state, spends);
  if (!isLeft && views.length > 0 && views.every((one) => isAbsent(one) && isSettled(one, terms, env))) return stay(never(state));
  if (state.kind === 'ending' && state.transaction !== undefined && isStillAgreed(state.transaction, views, isExpired)) {
    return contesting(state, seenBy(state, view), env) ?? stay(state, ...pressedEnd(state, state.transaction, views, env));
  }
  if (isExpired) return refunding(state, view, env);
  const isMissing = views.some((one) => one.kind === 'missing');
  return state.kind !== 'planned' && isMissing ? stay(state, ...fundingBroadcasts(state, env)) : stay(state);
}

/** An agreed end is waited for until the expiry, and from then on as long as it is on its way. */
function isStillAgreed(transaction: Transaction, views: readonly DepositView[], isExpired: boolean): boolean {
  return !isExpired || views.some((one) => isWaiting(one) && isSame(one.transaction, transaction));
}

/** The end again while the mempool lacks it, with the children that it needs, should its fee have become too low. */
function pressedEnd(state: PayerState, transaction: Transaction, views: readonly DepositView[], env: Env): readonly Effect[] {
  const spends = views.filter(isSpent).filter((one) => isSame(one.transaction, transaction));
  if (spends.some(({ depth }) => depth > 0)) return [];
  const children = childrenFor(state, transaction, env, env.feeRate);
  if (children.length > 0) return children;
  return spends.length > 0 ? [] : [{ kind: 'broadcast', transaction }];
}

function childrenFor(state: PayerState, transaction: Transaction, env: Env, wanted: Amount): readonly Effect[] {
  const { terms, returnScript: script } = state;
  const isChannelKey = equalBytes(script, payerScript(terms));
  const signer = isChannelKey ? env.signer : env.keyOf(script);
  return hurried(transaction, { terms, deposits: allDeposits(state), script, signer, rungs: PATIENT, wanted });
}

/**
 * Valid from tip = expiry. Made anew for what is unspent, so that neither a malleated deposit nor a partial close holds it up, and at a higher
 * rate when it waits for long or fees have risen.
 */
export function refunding(state: PayerState, view: ChainView, env: Env): Step<PayerState> | Refusal {
  const { expiry } = state.terms;
  if (certain(expiry, env) < expiry) return refuse('refund-too-early', { tip: certain(expiry, env), expiry });
  const seen = seenBy(state, view);
  const free = seen.filter(({ at }) => at.kind === 'unspent').map(({ deposit }) => deposit);
  const unspent = refundable(state, free, env);
  if (unspent.length > 0) return refundingFree(state, unspent, env);
  const own = seen.flatMap(({ deposit, at }) =>
    isWaiting(at) && branchOf(state.terms, deposit, at) === 'refund' ? [{ deposit, at }] : [],
  );
  return own.length > 0 ? refundingSlow(state, own, env) : (contesting(state, seen, env) ?? stay(state));
}

function seenBy(state: PayerState, view: ChainView): readonly { readonly deposit: Deposit; readonly at: DepositView }[] {
  return allDeposits(state).map((deposit) => ({ deposit, at: viewOf(deposit, view) }));
}

/** What the payee, or both together, sent in time and nobody mines. */
function contesting(
  state: PayerState,
  seen: readonly { readonly deposit: Deposit; readonly at: DepositView }[],
  env: Env,
): Step<PayerState> | undefined {
  const contest = contested(
    state,
    seen.flatMap(({ deposit, at }) => (isWaiting(at) ? [{ deposit, at }] : [])),
    env,
  );
  if (contest === undefined) return undefined;
  return contest.kind === 'refund' ? sent(state, contest.transaction) : stay(state, ...contest.effects);
}

function refundingFree(state: PayerState, unspent: readonly Deposit[], env: Env): Step<PayerState> | Refusal {
  const made = refundOf(state, unspent, env);
  if (isRefusal(made)) return made;
  const kept = state.kind === 'refunding' && takesJust(state.transaction, unspent) ? state.transaction : undefined;
  return sent(state, kept !== undefined && !isRaiseOf(state, kept, made) ? kept : made);
}

/** A refund of this payer's own that waits in the mempool: only the payer can take that branch. */
function refundingSlow(state: PayerState, own: readonly { readonly deposit: Deposit; readonly at: Spend }[], env: Env): Step<PayerState> {
  const taking = own.map(({ deposit }) => deposit);
  const there = transactionsOf(own.map(({ at }) => at));
  const { policy } = state.terms.coin;
  const [first] = there;
  if (!there.every((one) => isReplaceable(policy, one))) {
    const wanted = times(env.feeRate, refundUrgency(state.terms, certain(state.terms.expiry, env)).factor);
    return stay(state, ...(first === undefined ? [] : childrenFor(state, first, env, wanted)));
  }
  const made = refundOf(state, taking, env);
  const before = sumOf(there.map((one) => costOf(one, allDeposits(state))));
  const after = isRefusal(made) ? undefined : costOf(made, allDeposits(state));
  if (isRefusal(made) || before === undefined || after === undefined || !isRaise(policy, before, after)) return stay(state);
  return sent(state, made);
}

function isRaiseOf(state: PayerState, kept: Transaction, made: Transaction): boolean {
  const [before, after] = [kept, made].map((one) => costOf(one, allDeposits(state)));
  return before !== undefined && after !== undefined && isRaise(state.terms.coin.policy, before, after);
}

function takesJust(transaction: Transaction, deposits: readonly Deposit[]): boolean {
  return transaction.inputs.length === deposits.length && spentBy(transaction, deposits).length === deposits.length;
}

function sent(state: PayerState, transaction: Transaction): Step<PayerState> {
  const isKnown = state.kind === 'refunding' && state.transaction === transaction;
  return stay(isKnown ? state : { ...channelOf(state), kind: 'refunding', transaction }, { kind: 'broadcast', transaction });
}

function hasCome(state: EndedPayer, view: ChainView): boolean {
  return view.found.length > 0 || stillToCome(state).some((deposit) => !isAbsent(viewOf(deposit, view)));
}

/** No coin ever came. */
function never(state: PayerState): PayerState {
  return { ...channelOf(state), kind: 'ended', how: 'abandoned', returned: ZERO, transactions: [] };
}

function over(state: PayerState, spends: readonly Spend[]): Step<PayerState> {
  const transactions = transactionsOf(spends);
  const how = howOf(state, transactions);
  return stay({ ...channelOf(state), kind: 'ended', how, returned: returnedBy(state, transactions), transactions });
}

function howOf(state: PayerState, transactions: readonly Transaction[]): PayerEnd {
  const own = new Set(allDeposits(state).map(({ outpoint }) => outpointKey(outpoint)));
  const unlocks = transactions.flatMap(({ inputs }) => inputs.filter(({ outpoint }) => own.has(outpointKey(outpoint))));
  const kinds = unlocks.map(({ script }) => state.terms.contract.recognise(script));
  if (kinds.includes('foreign')) return 'lost';
  return kinds.includes('close') ? 'closed' : 'refunded';
}

/** What came back to the payer by its change and by its return script. */
function returnedBy(state: PayerState, transactions: readonly Transaction[]): Amount {
  const own = [payerScript(state.terms), state.returnScript];
  const outputs = transactions.flatMap(({ outputs }) => outputs.filter(({ script }) => own.some((mine) => equalBytes(mine, script))));
  return amount(outputs.reduce((sum, { value }) => sum + value, 0n));
}
