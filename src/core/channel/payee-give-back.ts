import { type Amount, amount, subtract, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { capacityOf } from '../contract/contract.ts';
import type { Pay, Receipt } from '../message/message.ts';
import { canStillRevoke, giveBackTotal, isTooLate, nextHash, secretOf } from './payee-revocation.ts';
import { isActive, notActive, type PayeeState } from './payee-state.ts';
import { type Env, type Step, stay } from './state-machine.ts';

/** The owner's order: so much of what was paid goes back, as soon as the payer signs for less. */
export interface GiveBackInput {
  readonly kind: 'give-back';
  readonly amount: Amount;
  /** Names the order: the same one again changes nothing. */
  readonly order: string;
}

/** Only noted: until the payer has signed for less, and the payee has shown its secret for that, all can be closed with as before. */
export function orderGiveBack(state: PayeeState, { amount: more, order }: GiveBackInput, env: Env): Step<PayeeState> | Refusal {
  if (state.lastOrder === order) return stay(state);
  if (state.terms.contract.revocation === undefined) return refuse('contract-one-way', { contract: state.terms.contract.id });
  if (!isActive(state)) return notActive(state);
  if (isTooLate(state.terms, env)) return refuse('margin-reached', { tip: env.tip, expiry: state.terms.expiry });
  const paid = state.best?.total ?? ZERO;
  const sum = (state.giveBack ?? 0n) + more;
  if (more <= 0n || sum > paid) return refuse('give-back-too-much', { most: paid - (state.giveBack ?? 0n) });
  const ordered = { ...state, giveBack: amount(sum), lastOrder: order };
  return giveBackTotal(ordered) === undefined ? unpayable(ordered, amount(paid - sum)) : stay(ordered);
}

/** A total that no close could pay out: the refusal names what could be left. */
function unpayable({ terms, deposits }: PayeeState, total: Amount): Refusal {
  const plan = terms.contract.plan(terms, deposits, total);
  return isRefusal(plan) ? plan : refuse('total-too-small', { total });
}

/** Whether a payment is one that gives money back: by the hash that was named for it. */
export function isGivingBack(state: PayeeState, { payment: { hash } }: Pay, env: Env): boolean {
  if (state.terms.contract.revocation === undefined || hash === undefined || giveBackTotal(state) === undefined) return false;
  return equalBytes(hash, nextHash(state, env));
}

/** Takes a payment for less: it is stored in the place of the best one before the secret of that is shown. Any total down to the wanted one will do. */
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

/** What is given back was spent, as far as so much was: the payer's credit stays. Both sides reckon so. */
export function lessSpent(spent: Amount, returned: Amount): Amount {
  return spent > returned ? subtract(spent, returned) : ZERO;
}

/** All was given back, and there is no payment to keep the answer with: the same again gets it anew. */
export function wholeGivenBack(state: PayeeState, { payment: { total } }: Pay, env: Env): Step<PayeeState> | undefined {
  const { best, revoked = 0, channel, spent, deposits } = state;
  if (best !== undefined || revoked === 0 || total !== ZERO) return undefined;
  const receipt = { kind: 'receipt', channel, total, spent, capacity: capacityOf(deposits), secret: secretOf(env, revoked - 1) } as const;
  return stay(state, { kind: 'reply', message: receiptAgain(state, receipt, env) });
}

/** A receipt as it may go out again. */
export function receiptAgain(state: PayeeState, receipt: Receipt, env: Env): Receipt {
  if (receipt.secret === undefined || canStillRevoke(state, env)) return receipt;
  const { secret: _, ...without } = receipt;
  return without;
}
