import { type Amount, amount, subtract, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { canGiveBack } from '../contract/asset-payments.ts';
import { capacityOf } from '../contract/contract.ts';
import type { Pay, Receipt } from '../message/message.ts';
import { canStillRevoke, giveBackTotal, isTooLate, nextHash, secretOf } from './payee-revocation.ts';
import { isActive, notActive, type PayeeState } from './payee-state.ts';
import { type Env, type Step, stay } from './state-machine.ts';

/** The owner's order to give back a part of what was paid. It happens as soon as the payer signs a lower total. */
export interface GiveBackInput {
  readonly kind: 'give-back';
  readonly amount: Amount;
  /** The id of the order: giving the same order again changes nothing. */
  readonly order: string;
}

/** Only notes the order. The payee can still close with the best payment until the payer has signed for less and the payee has shown its secret. */
export function orderGiveBack(state: PayeeState, { amount: more, order }: GiveBackInput, env: Env): Step<PayeeState> | Refusal {
  if (state.lastOrder === order) return stay(state);
  if (!canGiveBack(state.terms)) return refuse('contract-one-way', { contract: state.terms.contract.id });
  if (!isActive(state)) return notActive(state);
  if (isTooLate(state.terms, env)) return refuse('margin-reached', { tip: env.tip, expiry: state.terms.expiry });
  const paid = state.best?.total ?? ZERO;
  const sum = (state.giveBack ?? 0n) + more;
  if (more <= 0n || sum > paid) return refuse('give-back-too-much', { most: paid - (state.giveBack ?? 0n) });
  const ordered = { ...state, giveBack: amount(sum), lastOrder: order };
  return giveBackTotal(ordered) === undefined ? unpayable(ordered, amount(paid - sum)) : stay(ordered);
}

/** The refusal of a total that no close could pay out. */
function unpayable({ terms, deposits }: PayeeState, total: Amount): Refusal {
  const plan = terms.contract.plan(terms, deposits, total);
  return isRefusal(plan) ? plan : refuse('total-too-small', { total });
}

/** Whether a payment gives money back: it then names the hash that the payee gave for that. */
export function isGivingBack(state: PayeeState, { payment: { hash } }: Pay, env: Env): boolean {
  if (state.terms.contract.revocation === undefined || hash === undefined || giveBackTotal(state) === undefined) return false;
  return equalBytes(hash, nextHash(state, env));
}

/** Accepts a payment for less. It is stored in place of the best one before that one's secret is shown. Any total from the wanted one up will do. */
export function takeBack(state: PayeeState, { payment: given }: Pay, env: Env): Step<PayeeState> | Refusal {
  const { best, terms, deposits, giveBack = ZERO, revoked = 0 } = state;
  const wanted = giveBackTotal(state);
  if (!isActive(state)) return notActive(state);
  if (isTooLate(terms, env)) return refuse('margin-reached', { tip: env.tip, expiry: terms.expiry });
  if (best === undefined || wanted === undefined || given.total < wanted || given.total >= best.total) {
    return refuse('give-back-other', { ...(wanted !== undefined && { total: wanted }) });
  }
  const payment = given.total === ZERO ? undefined : terms.contract.verify(terms, deposits, given, undefined, env.verify);
  if (isRefusal(payment)) return payment;
  const returned = subtract(best.total, given.total);
  const spent = lessSpent(state.spent, returned);
  const left = subtract(giveBack, returned);
  const receipt: Receipt = {
    kind: 'receipt',
    channel: state.channel,
    total: given.total,
    spent,
    capacity: capacityOf(deposits),
    secret: secretOf(env, revoked),
    ...(left > 0n && { giveBack: left }),
  };
  const { best: _, giveBack: __, ...rest } = state;
  const next = { ...rest, spent, revoked: revoked + 1, ...(left > 0n && { giveBack: left }) };
  return stay(payment === undefined ? next : { ...next, best: { ...payment, receipt } }, { kind: 'reply', message: receipt });
}

/** Both sides take what is given back from what was spent first, so that the payer keeps its credit as far as possible. */
export function lessSpent(spent: Amount, returned: Amount): Amount {
  return spent > returned ? subtract(spent, returned) : ZERO;
}

/** Answers a repeated message after all was given back: then no payment is stored that could keep the answer. */
export function wholeGivenBack(state: PayeeState, { payment: { total } }: Pay, env: Env): Step<PayeeState> | undefined {
  const { best, revoked = 0, channel, spent, deposits } = state;
  if (best !== undefined || revoked === 0 || total !== ZERO) return undefined;
  const receipt = { kind: 'receipt', channel, total, spent, capacity: capacityOf(deposits), secret: secretOf(env, revoked - 1) } as const;
  return stay(state, { kind: 'reply', message: receiptAgain(state, receipt, env) });
}

/** A stored receipt for sending again: without its secret where that may not go out any more. */
export function receiptAgain(state: PayeeState, receipt: Receipt, env: Env): Receipt {
  if (receipt.secret === undefined || canStillRevoke(state, env)) return receipt;
  const { secret: _, ...without } = receipt;
  return without;
}
