import type { Amount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { certain } from '../base/lock-time.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { type Deposit, payerScript } from '../contract/contract.ts';
import { PATIENT_STEPS } from '../contract/cpfp.ts';
import { costOf, isRaise, isReplaceable, refundUrgency, times } from '../contract/fee.ts';
import type { Transaction } from '../tx/transaction.ts';
import { branchOf, isOpenAt, isWaiting, openSince, spentBy, transactionsOf, viewOf } from './deposit-view.ts';
import { broadcastPackage } from './package-broadcast.ts';
import { shownSecret } from './payer-change.ts';
import { refundable } from './payer-refund-signatures.ts';
import { splitRefunds } from './payer-refund-split.ts';
import { type HeldDeposit, refundAtDueRate, replaceStuckClose } from './payer-replaces-close.ts';
import { allDeposits, channelOf, type PayerState } from './payer-state.ts';
import { type ChainView, type DepositView, type Effect, type Env, type Step, stay } from './state-machine.ts';

/**
 * Valid when the tip has reached the expiry and no script is locked any more; at once while a payout shows the secret that opens what is left. Made again for what is unspent, so that neither a deposit with a changed
 * id nor a partial close stops it; and at a higher rate when it waits too long or fees have risen. As many transactions as nodes' limits require.
 */
export function refundOpen(state: PayerState, view: ChainView, env: Env): Step<PayerState> | Refusal {
  const { expiry } = state.terms;
  const secret = shownSecret(state, view);
  if (secret === undefined && certain(expiry, env) < expiry) return refuse('refund-too-early', { tip: certain(expiry, env), expiry });
  const seen = seenBy(state, view);
  const isOpen = (depth: number): boolean => secret !== undefined || isOpenAt(state.terms, depth, env);
  const free = seen.filter(({ at }) => at.kind === 'unspent' && isOpen(at.depth)).map(({ deposit }) => deposit);
  const made = splitRefunds(refundable(state, free, env), view).map((part) =>
    keptOr(state, refundAtDueRate(state, part, { since: openSince(state.terms, part, view, env), secret }, env)),
  );
  const [refusal] = made.filter(isRefusal);
  const done = together([{ refunds: made.flatMap((one) => (isRefusal(one) ? [] : [one])) }, ...cpfpOfRefund(state, seen, view, env)]);
  return done.refunds.length + done.children.length === 0 && refusal !== undefined ? refusal : sent(state, done);
}

/** Replaces, or adds children to, transactions that wait too long; undefined if there are none. */
export function outbid(state: PayerState, view: ChainView, env: Env): Step<PayerState> | undefined {
  const done = together(cpfpOfRefund(state, seenBy(state, view), view, env));
  return done.refunds.length + done.children.length > 0 ? sent(state, done) : undefined;
}

interface Seen {
  readonly deposit: Deposit;
  readonly at: DepositView;
}

/** Refunds to broadcast, and children of transactions in the mempool. */
interface Doing {
  readonly refunds: readonly Transaction[];
  readonly children?: readonly Effect[];
}

function seenBy(state: PayerState, view: ChainView): readonly Seen[] {
  return allDeposits(state).map((deposit) => ({ deposit, at: viewOf(deposit, view) }));
}

/** Children for what waits too long: the payer's own refunds, and closes and ends that were sent in time. */
function cpfpOfRefund(state: PayerState, seen: readonly Seen[], view: ChainView, env: Env): readonly Doing[] {
  const waiting = seen.flatMap(({ deposit, at }) => (isWaiting(at) ? [{ deposit, at }] : []));
  const isOwn = ({ deposit, at }: HeldDeposit): boolean => branchOf(state.terms, deposit, at) === 'refund';
  const contest = replaceStuckClose(
    state,
    waiting.filter((one) => !isOwn(one)),
    view,
    env,
  );
  return [slow(state, waiting.filter(isOwn), view, env), ...(contest === undefined ? [] : [contest])];
}

/** Sends the last version again, unless the new one pays so much more that it could replace it. */
function keptOr(state: PayerState, made: Transaction | Refusal): Transaction | Refusal {
  if (isRefusal(made) || state.kind !== 'refunding') return made;
  const { transaction } = state;
  const isSameTaking =
    transaction.inputs.length === made.inputs.length &&
    spentBy(transaction, spentBy(made, allDeposits(state))).length === made.inputs.length;
  return isSameTaking && !isRaiseOf(state, transaction, made) ? transaction : made;
}

/** The payer's own refunds in the mempool, each by itself: only the payer can take that branch. */
function slow(state: PayerState, own: readonly HeldDeposit[], view: ChainView, env: Env): Doing {
  const taking = own.map(({ deposit }) => deposit);
  const { policy } = state.terms.coin;
  const since = openSince(state.terms, taking, view, env);
  const secret = shownSecret(state, view);
  const wanted = times(env.feeRate, refundUrgency({ ...state.terms, expiry: since }, certain(since, env)).factor);
  const there = transactionsOf(own.map(({ at }) => at));
  const refunds = there
    .filter((one) => isReplaceable(policy, one))
    .flatMap((one) => {
      const made = refundAtDueRate(state, spentBy(one, taking), { since, secret }, env);
      return isRefusal(made) || !isRaiseOf(state, one, made) ? [] : [made];
    });
  return { refunds, children: there.filter((one) => !isReplaceable(policy, one)).flatMap((one) => cpfpEffects(state, one, env, wanted)) };
}

function isRaiseOf(state: PayerState, kept: Transaction, made: Transaction): boolean {
  const [before, after] = [kept, made].map((one) => costOf(one, allDeposits(state)));
  return before !== undefined && after !== undefined && isRaise(state.terms.coin.policy, before, after);
}

function together(parts: readonly Doing[]): Required<Doing> {
  const worthOf = ({ outputs }: Transaction): bigint => outputs.reduce((sum, { value }) => sum + value, 0n);
  const refunds = parts
    .flatMap((part) => part.refunds)
    .toSorted((a, b) => Number(worthOf(a) < worthOf(b)) - Number(worthOf(a) > worthOf(b)));
  return { refunds, children: parts.flatMap(({ children = [] }) => children) };
}

/** The most valuable refund is stored; the others can be made again from the next view. */
function sent(state: PayerState, { refunds, children }: Required<Doing>): Step<PayerState> {
  const [transaction] = refunds;
  const isKnown = transaction === undefined || (state.kind === 'refunding' && state.transaction === transaction);
  const next: PayerState = isKnown ? state : { ...channelOf(state), kind: 'refunding', transaction };
  return stay(next, ...refunds.map((one) => ({ kind: 'broadcast', transaction: one }) as const), ...children);
}

/** Children of a transaction that pays this payer, where its fee has become too low. */
export function cpfpEffects(state: PayerState, transaction: Transaction, env: Env, wanted: Amount): readonly Effect[] {
  const { terms, returnScript: script } = state;
  const isChannelKey = equalBytes(script, payerScript(terms));
  const signer = isChannelKey ? env.signer : env.keyOf(script);
  return broadcastPackage(transaction, { terms, deposits: allDeposits(state), script, signer, rungs: PATIENT_STEPS, wanted });
}
