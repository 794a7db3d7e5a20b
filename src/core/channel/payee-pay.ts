import { type Amount, add, isAmount, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { capacityOf, isDue, type Payment, type Terms } from '../contract/contract.ts';
import { refuseUneconomicTotal } from '../contract/min-total.ts';
import { pendingIn, worthOf } from '../contract/pending.ts';
import { closingCharge } from '../contract/units.ts';
import type { Pay, Receipt } from '../message/message.ts';
import { blocksToDepth } from './confirmed-capacity.ts';
import { type Doubt, doubtedSum, exposureParts, restingBelowDepth, writtenOff } from './deposit-confirmation.ts';
import { isGivingBack, receiptAgain, takeBack, wholeGivenBack } from './payee-give-back.ts';
import { type LockChange, type LockUse, lockChange, lockFor, pendingOf, stillFailed, takeLocks, withRevealed } from './payee-locks.ts';
import { underCurrentHash, withLastSecret } from './payee-revocation.ts';
import { type BestPayment, exposureAt, exposureOf, factsOf, notActive, type PayeeState, type Revealed, restsOf } from './payee-state.ts';
import { type Env, type KeptInvoice, type Step, stay } from './state-machine.ts';

/** What a payment is for. `owing`: how much of what it adds is spent at once, beside what it settles. */
interface Use extends LockUse {
  readonly owing: (added: Amount, change: LockChange) => Amount | Refusal;
}

/** Seed steps 6 and G: accepts a better payment. Without an invoice all of it becomes credit. */
export function takePayment(state: PayeeState, pay: Pay, { kept, isForwarding = false }: LockUse, env: Env): Step<PayeeState> | Refusal {
  if (isGivingBack(state, pay, env)) return takeBack(state, pay, env);
  const owing = (_: Amount, change: LockChange): Amount | Refusal => owedFor(state, pay, { kept, change }, env);
  const step = taken(state, pay, { owing, isForwarding, ...(kept && { kept }) }, env);
  if (kept === undefined || isRefusal(step) || step.added === undefined) return step;
  return { ...step, invoice: { ...kept, paidTotal: pay.payment.total } };
}

/** The same for an application that delivers something for every increment at once: nothing becomes credit. */
export function takeIncrease(state: PayeeState, pay: Pay, env: Env): Step<PayeeState> | Refusal {
  if (state.setBack) return refuse('payee-set-back');
  return taken(state, pay, { owing: (added) => added }, env);
}

/** Takes what is new of the payment under the hash that is in force. */
function taken(known: PayeeState, pay: Pay, use: Use, env: Env): Step<PayeeState> | Refusal {
  const state = withLastSecret(known, pay, env);
  const named = underCurrentHash(state, pay.payment, env);
  if (isRefusal(named)) return named;
  const given = { ...pay, payment: named };
  return wholeGivenBack(state, given, env) ?? raised(state, given, state.setBack ? { ...use, owing: () => handedOver(given) } : use, env);
}

/** A payee that was set back only takes what is handed over, and owes nothing for it: whoever paid it got all before. */
function handedOver({ invoice }: Pay): Amount | Refusal {
  return invoice === undefined ? ZERO : refuse('payee-set-back');
}

/** Takes what is better than the best payment: a higher total, or another amount that is pending. */
function raised(state: PayeeState, pay: Pay, use: Use, env: Env): Step<PayeeState> | Refusal {
  const { best, terms } = state;
  const change = lockChange(state, pay.payment);
  const least = best?.total ?? ZERO;
  if (best !== undefined && isNoBetter(pay.payment, least, change)) return replayed(state, best, pay, env);
  if (state.kind === 'paused') return refuse('funding-reorganised');
  if (state.kind !== 'open') return notActive(state);
  if (isDue(terms, env)) return refuse('margin-reached', { tip: env.tip, expiry: terms.expiry });
  // First, because the answers below are for the payer only.
  const payment = terms.contract.verify(terms, state.deposits, pay.payment, best, env.verify);
  if (isRefusal(payment)) return payment;
  const added = payment.total - least - change.settled;
  if (!isAmount(added)) return refuse('lock-dropped');
  const owed = use.owing(added, change);
  if (isRefusal(owed)) return owed;
  const revealed = takeLocks(state, change.added, use, env);
  if (isRefusal(revealed)) return revealed;
  if (isBeyond(state, worthOf(payment))) return refuse('funding-reorganised');
  const full = fullFor(state, worthOf(payment), env) ?? tooSmall(state, pay.payment.total, env);
  if (full !== undefined) return full;
  return accepted(state, { ...pay, payment }, { owed: add(owed, change.settled), added, revealed });
}

function isNoBetter({ total }: Payment, least: Amount, { isNone }: LockChange): boolean {
  return total < least || (total === least && isNone);
}

interface Taken {
  /** How much is spent at once. */
  readonly owed: Amount;
  readonly added: Amount;
  readonly revealed: readonly Revealed[];
}

function accepted(state: PayeeState, { payment, invoice }: Pay, { owed, added, revealed }: Taken): Step<PayeeState> {
  const spent = add(state.spent, owed);
  const { failed: _, ...rest } = state;
  const failed = stillFailed(state, payment);
  const known = { ...rest, spent, ...withRevealed(state, revealed, payment), ...(failed.length > 0 && { failed }) };
  const receipt: Receipt = {
    kind: 'receipt',
    channel: state.channel,
    total: payment.total,
    spent,
    capacity: capacityOf(state.deposits),
    ...(invoice === undefined ? {} : { invoice }),
    ...(state.giveBack === undefined ? {} : { giveBack: state.giveBack }),
    ...pendingOf(known, payment),
  };
  const worth = add(added, pendingIn(revealed.map(({ lock }) => lock)));
  const step = stay({ ...known, best: { ...payment, receipt } }, { kind: 'reply', message: receipt });
  return state.setBack ? step : { ...step, added: worth };
}

/** Whether a total needs a deposit that is not there, or one after it. */
function isBeyond({ terms, reach }: PayeeState, total: Amount): boolean {
  return reach !== undefined && total + closingCharge(terms) > reach;
}

/** Refuses a total that no close could pay out at present fees: nothing is delivered for it, even if it was accepted before. */
function tooSmall({ terms, deposits }: PayeeState, total: Amount, { feeRate, keyOf }: Env): Refusal | undefined {
  if (total > capacityOf(deposits)) return undefined;
  return refuseUneconomicTotal(terms, deposits, total, feeRate, () => canSpeedUp(terms, keyOf));
}

/** Whether a child can pay for a close: what that only holds has none in time. */
function canSpeedUp({ contract, payeeScript }: Terms, keyOf: Env['keyOf']): boolean {
  return contract.revocation === undefined && keyOf(payeeScript) !== undefined;
}

/**
 * Refuses value beyond what is backed once the channel's own limit or the limit of all channels is used up; nothing is accepted on deposits that are
 * written off.
 */
function fullFor(state: PayeeState, total: Amount, env: Env): Refusal | undefined {
  // The number comes from a stranger; the contract refuses a total above the channel's capacity.
  if (total > capacityOf(state.deposits)) return undefined;
  const exposure = exposureAt(state, total);
  const [lost, more] = [writtenOff(restsOf(state)), writtenOff(exposureParts(state, total))];
  const unsure = doubtedSum(exposureParts(state, total));
  const unsureBefore = doubtedSum(restsOf(state)).sum;
  if (unsure.sum > unsureBefore) {
    return full(state, { exposure: unsure.sum, most: unsureBefore, blocks: 1, ...(unsure.doubt && { doubt: unsure.doubt }) });
  }
  if (more > lost) return full(state, { exposure: more, most: lost, blocks: blocksToDepth(state, env) });
  if (exposure === 0n) return tooYoung(state, total, env);
  const room = exposureOf(state) + (env.room ?? 0n);
  const own = state.limits.unconfirmed ?? 0n;
  const most = own < room ? own : room;
  return exposure <= most ? tooYoung(state, total, env) : full(state, { exposure, most, blocks: blocksToDepth(state, env) });
}

/** Bounds the sum that a reorganisation could undo together, over deposits, channels and payers. */
function tooYoung(state: PayeeState, total: Amount, { tip, young = [] }: Env): Refusal | undefined {
  const [before, after] = [restsOf(state), exposureParts(state, total)];
  for (const bound of young) {
    const [was, is] = [restingBelowDepth(before, bound.below, tip), restingBelowDepth(after, bound.below, tip)];
    if (is <= was || is - was <= bound.room) continue;
    const blocks = Math.max(...after.map(({ place }) => bound.below - (place.at === 'block' ? tip - place.height + 1 : 0)));
    return full(state, { exposure: is, most: was + bound.room, blocks });
  }
  return undefined;
}

interface Full {
  readonly exposure: bigint;
  readonly most: bigint;
  readonly blocks: number;
  /** Why nothing is delivered on a deposit until it is in a block. */
  readonly doubt?: Doubt;
}

function full({ terms }: PayeeState, facts: Full): Refusal {
  return refuse('exposure-full', { ...facts, seconds: facts.blocks * terms.coin.blockSeconds });
}

/** The same payment gets the same answer again. Any other total that is not higher gets the best one for comparison, if the payer has signed it. */
function replayed(state: PayeeState, best: BestPayment, { payment, invoice }: Pay, env: Env): Step<PayeeState> | Refusal {
  const isSame =
    payment.total === best.total &&
    invoice === best.receipt.invoice &&
    payment.signatures.length > 0 &&
    payment.signatures.every((given) => best.signatures.some((held) => equalBytes(given, held)));
  if (isSame) {
    const receipt = receiptAgain(state, best.receipt, env);
    return stay(state, { kind: 'reply', message: best.locks === undefined ? receipt : { ...receipt, ...pendingOf(state, best) } });
  }
  const signed = state.terms.contract.verify(state.terms, state.deposits, payment, best, env.verify);
  if (isRefusal(signed)) return signed;
  return refuse(payment.total < best.total ? 'total-lower' : 'total-not-higher', factsOf(state, best));
}

interface Owed {
  readonly kept: KeptInvoice | undefined;
  readonly change: LockChange;
}

/** What the payment buys: without an invoice nothing, and all of it becomes credit. */
function owedFor(state: PayeeState, pay: Pay, { kept, change }: Owed, env: Env): Amount | Refusal {
  if (pay.invoice === undefined) return ZERO;
  if (kept === undefined) return refuse('invoice-unknown');
  const { invoice, paidTotal } = kept;
  if (invoice.channel !== state.channel) return refuse('invoice-foreign');
  if (paidTotal !== undefined) return refuse('invoice-paid', { total: paidTotal });
  if (invoice.expires < env.now) return refuse('invoice-expired', { expired: invoice.expires });
  // Paid by what this payment adds under the invoice's hash: it is spent once it is settled.
  if (lockFor(kept, change.added) !== undefined) return ZERO;
  const needed = state.spent + change.settled + invoice.amount;
  if (pay.payment.total >= needed) return invoice.amount;
  // A payer that was restored from old data does not know what it has spent: the refusal tells it, as for a lower total.
  return refuse('invoice-unmet', { ...(state.best && factsOf(state, state.best)), total: pay.payment.total, needed });
}
