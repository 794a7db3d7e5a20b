import { type Amount, add, greatest, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { isDue, type Payment } from '../contract/contract.ts';
import { type HashLock, isAmong, isSameLock, lockUnder, type PaymentHash, pendingIn, worthOf } from '../contract/pending.ts';
import type { Receipt } from '../message/message.ts';
import { hash160 } from '../tx/script.ts';
import { notOpen, type OpenPayer, type PayerState, type PendingPayment, type SentLock } from './payer-state.ts';
import { type Env, type Step, stay } from './state-machine.ts';

/** Signs an amount that is pending until the payee shows the preimage of a hash, beside all that is paid and pending already. */
export interface LockInput {
  readonly kind: 'lock';
  readonly lock: HashLock;
  readonly invoice?: string;
}

/** Pays what was pending under these hashes, whose preimages are known. What the payee has given up is left out. */
export interface SettleInput {
  readonly kind: 'settle';
  readonly hashes: readonly PaymentHash[];
}

/** How many pending amounts a payer keeps in mind. More are refused until some are settled, or can't be closed with any more. */
const MOST_SENT = 64;

export function signLock(state: PayerState, { lock, invoice }: LockInput, env: Env): Step<PayerState> | Refusal {
  if (state.kind !== 'open') return notOpen(state);
  const { best, locks: sent = [] } = state;
  const known = sentUnder(sent, lock.hash);
  // Once given up or refused, the very same may be tried again: it can be closed with in any case.
  if (known !== undefined && (!isSameLock(known.lock, lock) || lockUnder(lock.hash, best?.locks))) return refuse('lock-repeated');
  if (known === undefined && sent.length >= MOST_SENT) return refuse('lock-too-many', { most: MOST_SENT });
  const others = sent.filter((one) => one !== known);
  const next = {
    ...state,
    locks: [...others, known === undefined ? { lock, ceiling: ZERO } : { lock: known.lock, ceiling: known.ceiling }],
  };
  return signed(next, best?.total ?? ZERO, [...liveLocks(state), lock], { price: ZERO, ...(invoice !== undefined && { invoice }) }, env);
}

export function signSettlement(state: PayerState, { hashes }: SettleInput, env: Env): Step<PayerState> | Refusal {
  if (state.kind !== 'open') return notOpen(state);
  const { best, locks: sent = [] } = state;
  const isSettled = ({ hash }: HashLock): boolean => isAmong(hash, hashes) && sentUnder(sent, hash)?.preimage !== undefined;
  const live = liveLocks(state);
  const paid = pendingIn(live.filter(isSettled));
  const left = live.filter((one) => !isSettled(one));
  if (best === undefined || left.length === (best.locks ?? []).length) return refuse('lock-unknown');
  return signed(state, add(best.total, paid), left, { price: paid }, env);
}

/** One payment at a time, as with any other. */
function signed(
  state: OpenPayer,
  total: Amount,
  locks: readonly HashLock[],
  purchase: Omit<PendingPayment, 'payment'>,
  env: Env,
): Step<PayerState> | Refusal {
  const { terms, deposits, channel, pending: before } = state;
  if (before !== undefined) return refuse('payment-unanswered', { total: before.payment.total });
  if (isDue(terms, env)) return refuse('margin-reached', { tip: env.tip, expiry: terms.expiry });
  const payment = terms.contract.sign(terms, deposits, total, env.signer, undefined, locks.length === 0 ? undefined : locks);
  if (isRefusal(payment)) return payment;
  const pending = { payment, ...purchase };
  const { invoice } = purchase;
  const message = { kind: 'payment', channel, payment, ...(invoice !== undefined && { invoice }) } as const;
  return stay({ ...state, ...withSigned(state, payment), pending }, { kind: 'send', message });
}

/** What is pending in the next payment: all but what the payee has given up. */
export function liveLocks({ best, locks: sent = [] }: OpenPayer): readonly HashLock[] {
  return (best?.locks ?? []).filter(({ hash }) => sentUnder(sent, hash)?.isFailed !== true);
}

/** The same for a payment of another kind. */
export function carriedLocks(state: OpenPayer): readonly HashLock[] | undefined {
  const live = liveLocks(state);
  return live.length === 0 ? undefined : live;
}

function sentUnder(sent: readonly SentLock[], hash: PaymentHash): SentLock | undefined {
  return sent.find(({ lock }) => equalBytes(lock.hash, hash));
}

/** What counts from the moment of signing: the most that the payee can close with, with each pending amount and in all. */
export function withSigned(state: PayerState, payment: Payment): Pick<PayerState, 'signed' | 'locks'> {
  const worth = worthOf(payment);
  const { locks: sent = [] } = state;
  const known = sent.map((one) => (lockUnder(one.lock.hash, payment.locks) ? { ...one, ceiling: greatest(one.ceiling, worth) } : one));
  const lost = (payment.locks ?? []).filter(({ hash }) => sentUnder(sent, hash) === undefined);
  const all = [...known, ...lost.map((lock) => ({ lock, ceiling: worth }))];
  return { signed: greatest(state.signed, worth), ...(all.length > 0 && { locks: all }) };
}

/** Whether a receipt is about this payment: it says what is pending in it. */
export function isReceiptFor({ total, pending = [] }: Receipt, { payment }: PendingPayment): boolean {
  const locks = payment.locks ?? [];
  return total === payment.total && pending.length === locks.length && locks.every(({ hash }) => isAmong(hash, pending));
}

/**
 * What is left in mind once the payee has stored a payment. What is settled is paid. What was given up is forgotten when the total has reached all that
 * any close with it pays: who closes with it then gets no more.
 */
export function withStored(state: OpenPayer, payment: Payment): OpenPayer {
  const { locks: sent = [], best, ...rest } = state;
  const isPaid = ({ lock, preimage }: SentLock): boolean =>
    preimage !== undefined && lockUnder(lock.hash, best?.locks) !== undefined && lockUnder(lock.hash, payment.locks) === undefined;
  const left = sent.filter((one) => !isPaid(one) && !(isLeftOut(one, payment) && payment.total >= one.ceiling));
  return { ...rest, best: payment, ...(left.length > 0 && { locks: left }) };
}

function isLeftOut({ lock, preimage }: SentLock, { locks }: Payment): boolean {
  return preimage === undefined && lockUnder(lock.hash, locks) === undefined;
}

/** The payee refused a payment: what it alone held was not taken, but can still be closed with. */
export function withRefused<State extends PayerState>(state: State): State {
  const { locks: sent, best } = state;
  if (sent === undefined) return state;
  const isRefused = ({ lock, preimage, isFailed }: SentLock): boolean =>
    isFailed !== true && preimage === undefined && lockUnder(lock.hash, best?.locks) === undefined;
  return sent.some(isRefused)
    ? { ...state, locks: sent.map((one) => (isRefused(one) ? { ...one, isFailed: true as const } : one)) }
    : state;
}

/** The state with what the payee, or a claim on the chain, has shown. */
export function withPreimages<State extends PayerState>(
  state: State,
  preimages: readonly Uint8Array[] = [],
  failed: readonly PaymentHash[] = [],
): State {
  const { locks: sent } = state;
  if (sent === undefined) return state;
  const learned = sent.map((one): SentLock => {
    if (one.preimage !== undefined) return one;
    const preimage = preimages.find((shown) => shown.length === 32 && equalBytes(hash160(shown), one.lock.hash));
    if (preimage !== undefined) return { lock: one.lock, ceiling: one.ceiling, preimage };
    return one.isFailed !== true && isAmong(one.lock.hash, failed) ? { ...one, isFailed: true } : one;
  });
  return learned.every((one, i) => one === sent[i]) ? state : { ...state, locks: learned };
}

/** What has become of a pending amount. `gone`: the payee gets nothing for it any more, or it was settled. */
export type LockFate = { readonly kind: 'pending' | 'gone' } | { readonly kind: 'revealed'; readonly preimage: Uint8Array };

export function fateOf(state: PayerState, hash: PaymentHash): LockFate {
  const known = sentUnder(state.locks ?? [], hash);
  if (known?.preimage !== undefined) return { kind: 'revealed', preimage: known.preimage };
  return { kind: known === undefined || state.kind === 'ended' ? 'gone' : 'pending' };
}
