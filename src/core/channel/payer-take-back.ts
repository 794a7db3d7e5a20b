import { type Amount, greatest, least, subtract, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { canGiveBack } from '../contract/asset-payments.ts';
import { capacityOf, type Payment, type RevocationHash } from '../contract/contract.ts';
import { isSigned } from '../contract/payment-signatures.ts';
import { type RevocationSecrets, shownIndices } from '../contract/revocation-secrets.ts';
import type { Receipt, State } from '../message/message.ts';
import { lessSpent } from './payee-give-back.ts';
import { hasRevoked, revokedBy } from './payer-revocation.ts';
import { notOpen, type OpenPayer, type PayerState } from './payer-state.ts';
import { type Env, type Step, stay } from './state-machine.ts';

/** Signs for less, as the payee asked. This risks nothing; the money counts as given back once the payee has shown its secret. */
export interface TakeBackInput {
  readonly kind: 'take-back';
  readonly total: Amount;
  /** The hash that the payee named for this. */
  readonly hash: RevocationHash;
}

export function signTakeBack(state: PayerState, { total, hash }: TakeBackInput, env: Env): Step<PayerState> | Refusal {
  if (state.kind !== 'open') return notOpen(state);
  const { terms, deposits, best, revocation: known, endSigned = ZERO, channel } = state;
  if (known === undefined || !canGiveBack(terms)) return refuse('contract-one-way', { contract: terms.contract.id });
  if (state.pending !== undefined) return refuse('payment-unanswered', { total: state.pending.payment.total });
  const { next } = known;
  if (best === undefined || total >= best.total || !isNext(known, hash)) return refuse('give-back-other');
  // What was signed under this hash before stays valid as long as this payment, and a signed end stays valid for ever.
  const lowest = greatest(endSigned, next?.signed ?? ZERO);
  if (total < lowest) return refuse('give-back-other', { total: lowest });
  const payment = total === ZERO ? { total, signatures: [], hash } : terms.contract.sign(terms, deposits, total, env.signer, hash);
  if (isRefusal(payment)) return payment;
  const revocation = { ...known, next: { hash, signed: total } };
  return stay(
    { ...state, revocation, pending: { payment, price: ZERO } },
    { kind: 'send', message: { kind: 'payment', channel, payment } },
  );
}

/** A hash has one place in the chain of secrets, so the next one may be neither the present one nor replaced by another. */
function isNext({ hash: current, next }: NonNullable<PayerState['revocation']>, hash: RevocationHash): boolean {
  return next === undefined ? !equalBytes(hash, current) : equalBytes(hash, next.hash);
}

/** Whether the pending payment takes money back: it is then under another hash than the present one. */
export function isTakingBack({ pending, revocation }: OpenPayer): boolean {
  const hash = pending?.payment.hash;
  return hash !== undefined && revocation !== undefined && !equalBytes(hash, revocation.hash);
}

/** The payee has stored the payment for less. Only its secret makes the earlier payments worthless: without it nothing has come back. */
export function takeBackReceipt(state: OpenPayer, { secret }: Receipt): Step<PayerState> {
  const { pending } = state;
  return pending === undefined || secret === undefined ? stay(state) : stay(givenBack(state, pending.payment, secret) ?? state);
}

/**
 * The state after everything under the present hash is revoked, with `left` as the best payment under the next hash. Whatever payment the payee shows
 * as the best, it can close with the highest total that was signed under that hash.
 */
function givenBack(state: OpenPayer, left: Payment, secret: Uint8Array): OpenPayer | undefined {
  const { next } = state.revocation ?? {};
  const revocation = state.revocation && revokedBy(state.revocation, secret);
  if (revocation === undefined || next === undefined || state.best === undefined) return undefined;
  const { pending: _, best, ...rest } = state;
  const spent = lessSpent(state.spent, subtract(best.total, left.total));
  const known = { ...rest, revocation, signed: next.signed, spent };
  return left.total === ZERO ? known : { ...known, best: left };
}

/** A secret that comes while the channel already ends still makes the closes before it worthless. */
export function withLateSecret(state: PayerState, { secret }: Receipt): PayerState {
  const { next } = state.revocation ?? {};
  const revocation = secret && state.revocation && revokedBy(state.revocation, secret);
  if (state.kind === 'ended' || revocation === undefined || next === undefined) return state;
  const { best: _, ...rest } = state;
  return { ...rest, revocation, signed: greatest(next.signed, state.endSigned ?? ZERO) };
}

/** The same from the payee's state, for a payer that did not get the answer. */
export function takeShownSecret(state: OpenPayer, { best, revocation: shown }: State, env: Env): OpenPayer {
  const { revocation: known, terms, deposits } = state;
  const { next } = known ?? {};
  const secret = shown?.secrets?.at(-1)?.secret;
  if (next === undefined || secret === undefined || shown === undefined || !equalBytes(shown.hash, next.hash)) return state;
  const left = best ?? { total: ZERO, signatures: [], hash: next.hash };
  const isOwn = left.total === ZERO || isSigned(terms, deposits, { ...left, hash: next.hash }, env.verify);
  return (isOwn && left.total <= next.signed ? givenBack(state, { ...left, hash: next.hash }, secret) : undefined) ?? state;
}

/**
 * The same for a payer that was set back to an older copy of its store: the secrets shown since then prove that the hashes it knows are revoked. It
 * does not know what it signed in between, so everything counts as signed.
 */
export function caughtUp(state: OpenPayer, { best, revocation: shown, spent }: State, env: Env): OpenPayer {
  const { revocation: known, terms, deposits } = state;
  if (known === undefined || shown === undefined) return state;
  const { hash, secrets = [] } = shown;
  const later = { hash, index: countOf(secrets), secrets };
  const left = best ?? { total: ZERO, signatures: [], hash };
  const isOwn = left.total === ZERO || isSigned(terms, deposits, { ...left, hash }, env.verify);
  if (!isOwn || !isWhole(secrets, later.index) || !hasRevoked(known, later)) return state;
  const { pending: _, best: __, ...rest } = state;
  const adopted = { ...rest, revocation: later, signed: capacityOf(deposits), spent: least(spent, left.total) };
  return left.total === ZERO ? adopted : { ...adopted, best: { ...left, hash } };
}

/** Stores the first hash that the payee names, and never replaces it: payments under a hash outside the chain could not be revoked. */
export function withFirstHash(state: PayerState, hash: RevocationHash | undefined, secrets: RevocationSecrets = []): PayerState {
  if (state.terms.contract.revocation === undefined || state.revocation !== undefined || hash === undefined) return state;
  const index = countOf(secrets);
  return !isWhole(secrets, index) ? state : { ...state, revocation: { hash, index, secrets } };
}

/** The same from the payee's state, with the shown secrets, for a payer that has lost them. The best payment there must be under that hash. */
export function withShownHash(state: PayerState, { best, revocation: shown }: State): PayerState {
  if (shown === undefined || (best !== undefined && !isUnder(best, shown.hash))) return state;
  return withFirstHash(state, shown.hash, shown.secrets);
}

/** Whether a payment is under this hash; where payments can't be taken back, both are undefined. */
export function isUnder({ hash }: Payment, wanted: RevocationHash | undefined): boolean {
  return hash === undefined || wanted === undefined ? hash === wanted : equalBytes(hash, wanted);
}

/** A bound of our own: a payer that lost its record can't check the payee's count of secrets, and work with them grows with it. */
const MOST_TAKEN_OVER = 65_536;

function countOf(secrets: RevocationSecrets): number {
  return (secrets.at(-1)?.index ?? -1) + 1;
}

function isWhole(secrets: RevocationSecrets, count: number): boolean {
  if (count > MOST_TAKEN_OVER) return false;
  const indices = shownIndices(count);
  return indices.length === secrets.length && indices.every((index, i) => index === secrets[i]?.index);
}

/** Whether the payee has not yet named the hash that payments are made under. */
export function isUnnamed({ terms, revocation }: PayerState): boolean {
  return terms.contract.revocation !== undefined && revocation === undefined;
}
