import { type Amount, add, greatest, isAmount, least, parseUnits, subtract, ZERO } from '../base/amount.ts';
import { parseHex } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { capacityOf, type Deposit, isDue, type Payment } from '../contract/contract.ts';
import { newSignatures } from '../contract/payment-signatures.ts';
import { worthOf } from '../contract/pending.ts';
import type { Pay, Receipt, State } from '../message/message.ts';
import { readCompact } from '../tx/sign.ts';
import { outpointKey } from '../tx/transaction.ts';
import { foundWithout } from './payer-found-deposits.ts';
import { carriedLocks, isReceiptFor, withPreimages, withRefused, withSigned, withStored } from './payer-locks.ts';
import { withRefundSignatures } from './payer-refund-signatures.ts';
import { allDeposits, notOpen, type OpenPayer, type PayerState, type PendingPayment, unsentWithout } from './payer-state.ts';
import {
  caughtUp,
  isTakingBack,
  isUnder,
  isUnnamed,
  takeBackReceipt,
  takeShownSecret,
  withLateSecret,
  withShownHash,
} from './payer-take-back.ts';
import { type Env, type Step, stay } from './state-machine.ts';

/** Signs a new total. `totalFor` computes the one that buys something. */
export interface PayInput extends Omit<PendingPayment, 'payment'> {
  readonly kind: 'pay';
  readonly total: Amount;
}

/** Seed steps E and F: sign, store, then send. One payment at a time: an unanswered one is sent again first. */
export function signPayment(state: PayerState, { kind: _, total, ...purchase }: PayInput, env: Env): Step<PayerState> | Refusal {
  if (state.kind !== 'open') return notOpen(state);
  if (state.pending !== undefined) return refuse('payment-unanswered', { total: state.pending.payment.total });
  const { terms, deposits, best } = state;
  if (isDue(terms, env)) return refuse('margin-reached', { tip: env.tip, expiry: terms.expiry });
  if (total <= (best?.total ?? ZERO)) return refuse('total-lower', { best: best?.total ?? 0n });
  const needed = state.spent + purchase.price;
  if (total < needed) return refuse('invoice-unmet', { total, needed });
  const payment = terms.contract.sign(terms, deposits, total, env.signer, state.revocation?.hash, carriedLocks(state));
  if (isRefusal(payment)) return payment;
  const pending = { payment, ...purchase };
  return stay({ ...state, ...withSigned(state, payment), pending }, { kind: 'send', message: payOf(state, pending) });
}

/** Sends the same bytes as before, for when no answer came. */
export function resendPayment(state: PayerState): Step<PayerState> | Refusal {
  if (state.kind !== 'open' || state.pending === undefined) return stay(state);
  return stay(state, { kind: 'send', message: payOf(state, state.pending) });
}

/**
 * Sends the best payment with all its signatures and for no invoice. A payee that was restored from old data takes it as credit; one that has it says
 * so. The payee's last secret goes with it: it tells a payee that has forgotten it where in the chain of secrets it is.
 */
export function handOverBest(state: PayerState): Step<PayerState> | Refusal {
  if (state.kind !== 'open') return notOpen(state);
  const { channel, pending, revocation } = state;
  if (pending !== undefined) return refuse('payment-unanswered', { total: pending.payment.total });
  const lastSecret = revocation?.secrets.at(-1);
  const payment = state.best ?? (lastSecret && revocation && { total: ZERO, signatures: [], hash: revocation.hash });
  if (payment === undefined) return stay(state);
  return stay(state, { kind: 'send', message: { kind: 'payment', channel, payment, ...(lastSecret && { lastSecret }) } });
}

/** The message for a pending payment: only the signatures that the payee does not have. */
function payOf({ channel, terms, deposits, best }: OpenPayer, { payment, invoice }: PendingPayment): Pay {
  const { hash, locks } = payment;
  const signatures = newSignatures(terms, deposits, payment, best);
  const fresh = { total: payment.total, signatures, ...(hash && { hash }), ...(locks && { locks }) };
  return { kind: 'payment', channel, payment: fresh, ...(invoice === undefined ? {} : { invoice }) };
}

/**
 * The total that buys something for `price`: what is spent plus the price. Higher only where the contract has no payment for exactly that; the
 * surplus stays the payer's credit.
 */
export function totalFor(state: OpenPayer, price: Amount): Amount | Refusal {
  const best = state.best?.total ?? ZERO;
  const owed = state.spent + price;
  return payable(state, owed > best ? owed : best + 1n);
}

/** The total that adds `value` to what is paid: all of it is credit, which later purchases use. */
export function totalAhead(state: OpenPayer, value: Amount): Amount | Refusal {
  return payable(state, (state.best?.total ?? ZERO) + value);
}

/** The least total, `wanted` or more, for which the contract has a payment. */
function payable(state: OpenPayer, wanted: bigint): Amount | Refusal {
  if (!isAmount(wanted)) return refuse('total-above-capacity', { total: wanted, most: capacityOf(state.deposits) });
  const { contract } = state.terms;
  const locks = carriedLocks(state);
  const planned = (total: Amount): ReturnType<typeof contract.plan> => contract.plan(state.terms, state.deposits, total, undefined, locks);
  const plan = planned(wanted);
  if (!isRefusal(plan)) return wanted;
  const raised =
    plan.code === 'total-too-small' ? plan.detail['least'] : plan.code === 'total-leaves-dust' ? plan.detail['all'] : undefined;
  const total = raised === undefined ? undefined : parseUnits(raised);
  return total === undefined || isRefusal(planned(total)) ? plan : total;
}

/** The payee has stored the payment: only now it becomes the best. */
export function takeReceipt(state: PayerState, receipt: Receipt): Step<PayerState> {
  if (state.kind !== 'open') return stay(withLateSecret(state, receipt));
  if (state.pending === undefined || !isReceiptFor(receipt, state.pending)) return stay(state);
  if (isTakingBack(state)) return takeBackReceipt(state, receipt);
  const { pending, ...open } = state;
  // The price was reckoned before what the payee has shown since: what it holds is the most that can be spent of it.
  const spent = least(add(state.spent, pending.price), pending.payment.total);
  const stored = { ...withStored(open, pending.payment), spent };
  return stay(withPreimages(stored, receipt.preimages));
}

/** The payee refused the payment. A better total that it shows counts only if this payer signed it. */
export function takeRefusal(state: PayerState, refusal: Refusal, env: Env): Step<PayerState> {
  if (state.kind !== 'open') return stay(state);
  const { pending: _, ...open } = state;
  const { best = '', signatures = '', spent = '' } = refusal.detail;
  const total = parseUnits(best);
  const known = signatures
    .split(',')
    .map((hex) => readCompact(parseHex(hex) ?? new Uint8Array()))
    .filter((signature) => typeof signature !== 'string');
  const hash = state.revocation?.hash;
  const shown = total === undefined ? undefined : { total, signatures: known, ...(hash && { hash }) };
  return stay(adopted(withRefused(open), shown, parseUnits(spent), env));
}

/** Resync: takes over what the payee has accepted and this payer has lost. */
export function takePayeeState(before: PayerState, message: State, env: Env): Step<PayerState> {
  const { best, spent, deposits, status } = message;
  const named = withShownHash(withRefundSignatures(before, message, deposits, env), message);
  const state = named.kind === 'open' ? caughtUp(takeShownSecret(named, message, env), message, env) : named;
  const known = status === 'open' || status === 'paused' ? acceptedOf(state, deposits) : state;
  const current = known.kind === 'open' ? adopted(known, best, spent, env) : known;
  return stay(withPreimages(current, message.preimages, message.failed));
}

/** The deposits that the payee counts, in its order, if this payer's come first and it knows all of them. */
function acceptedOf(state: PayerState, listed: readonly Deposit[]): PayerState {
  // Nothing can be paid before the payee has named a hash for it.
  if ((state.kind !== 'funding' && state.kind !== 'open') || isUnnamed(state)) return state;
  const own = new Map(allDeposits(state).map((deposit) => [outpointKey(deposit.outpoint), deposit]));
  const known = listed.flatMap(({ outpoint, value }) => {
    const mine = own.get(outpointKey(outpoint));
    return mine?.value === value ? [mine] : [];
  });
  const isOurs = new Set(known).size === listed.length && state.deposits.every((deposit, i) => deposit === known[i]);
  if (!isOurs || known.length <= state.deposits.length) return state;
  const taken = new Set(known);
  return {
    ...state,
    ...foundWithout(state, known),
    ...unsentWithout(state, known),
    kind: 'open',
    deposits: known,
    offered: allDeposits(state).filter((deposit) => !taken.has(deposit)),
  };
}

/**
 * Takes over a payment that this payer signed and lost. Only then does the payee's word count for what was spent; if it does not say, everything
 * counts as spent.
 */
function adopted(state: OpenPayer, shown: Payment | undefined, spent: Amount | undefined, env: Env): OpenPayer {
  if (shown === undefined || !isNews(state, shown) || !isUnder(shown, state.revocation?.hash)) return state;
  const verified = state.terms.contract.verify(state.terms, state.deposits, shown, undefined, env.verify);
  if (isRefusal(verified)) return state;
  const { pending, ...open } = state;
  const isStillAhead = pending !== undefined && pending.payment.total > verified.total;
  const known = greatest(state.spent, least(spent ?? verified.total, verified.total));
  return { ...open, ...(isStillAhead ? { pending } : {}), best: verified, ...withSigned(state, verified), spent: known };
}

/** Whether a payment is better than the best that this payer knows, or holds something pending that it has forgotten. */
function isNews({ best, signed }: OpenPayer, shown: Payment): boolean {
  const known = best?.total ?? ZERO;
  return shown.total > known || (shown.total === known && worthOf(shown) > signed);
}

/** What the payer would get back if the payee closed with the largest total it ever got. */
export function leastReturn(state: PayerState): Amount {
  const capacity = capacityOf(state.deposits);
  return state.signed > capacity ? ZERO : subtract(capacity, state.signed);
}
