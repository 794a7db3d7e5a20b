import type { Amount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { Payment } from '../contract/contract.ts';
import { PREIMAGE_BYTES } from '../contract/hash-lock.ts';
import { type HashLock, isAmong, isSameLock, lockUnder, type PaymentHash, pendingIn } from '../contract/pending.ts';
import type { Receipt, State } from '../message/message.ts';
import { hash160 } from '../tx/script.ts';
import { notActive, type PayeeState, type Revealed } from './payee-state.ts';
import { type Env, type KeptInvoice, type Step, stay } from './state-machine.ts';

/** The owner has a preimage: from now on what is pending under its hash is as good as paid, and the payer is shown it. */
export interface RevealInput {
  readonly kind: 'reveal';
  readonly preimage: Uint8Array;
}

/** The owner never shows a preimage for this hash: the payer may leave out what is pending under it. */
export interface GiveUpInput {
  readonly kind: 'give-up';
  readonly hash: PaymentHash;
}

/** How many preimages are kept beside those of the payment's own pending amounts: of older closes that somebody who watches may still send. */
const MOST_REVEALED = 16;

/** The preimage of an invoice's hash: it follows from the channel's key and the invoice's id. */
export function invoicePreimage({ signer }: Pick<Env, 'signer'>, invoice: string): Uint8Array {
  return signer.secret(`invoice/${invoice}`);
}

export function invoiceHash(env: Pick<Env, 'signer'>, invoice: string): PaymentHash {
  return hash160(invoicePreimage(env, invoice));
}

/** How a payment's pending amounts differ from those of the best one. */
export interface LockChange {
  readonly added: readonly HashLock[];
  /** The sum of those that it leaves out and that were not given up: the total has to rise by as much. */
  readonly settled: Amount;
  readonly isNone: boolean;
}

export function lockChange({ best, failed = [] }: PayeeState, { locks: given = [] }: Payment): LockChange {
  const held = best?.locks ?? [];
  const added = given.filter((one) => !held.some((other) => isSameLock(one, other)));
  const dropped = held.filter((one) => !given.some((other) => isSameLock(one, other)));
  const settled = pendingIn(dropped.filter(({ hash }) => !isAmong(hash, failed)));
  return { added, settled, isNone: added.length + dropped.length === 0 };
}

/** What a payment is for, beside its total. */
export interface LockUse {
  readonly kept?: KeptInvoice;
  /** The owner takes pending amounts whose preimages it does not have, to forward them. */
  readonly isForwarding?: boolean;
}

/**
 * Whether the payee takes these pending amounts: under the hash of its own invoice, which it then has the preimage of, or to forward them. No hash is
 * taken twice.
 */
export function takeLocks(
  { revealed = [], failed = [], best }: PayeeState,
  added: readonly HashLock[],
  { kept, isForwarding = false }: LockUse,
  env: Env,
): readonly Revealed[] | Refusal {
  const used = [...revealed.map(({ lock }) => lock.hash), ...failed, ...(best?.locks ?? []).map(({ hash }) => hash)];
  if (added.some(({ hash }) => isAmong(hash, used))) return refuse('lock-repeated');
  const own = kept && lockFor(kept, added);
  if (!isForwarding && added.length > (own === undefined ? 0 : 1)) return refuse('lock-unknown');
  return kept === undefined || own === undefined ? [] : revealedFor(kept, own, env);
}

/** Of these pending amounts the one under an invoice's hash. */
export function lockFor({ invoice: { hash } }: KeptInvoice, added: readonly HashLock[]): HashLock | undefined {
  return hash && lockUnder(hash, added);
}

function revealedFor({ invoice }: KeptInvoice, lock: HashLock, env: Env): readonly Revealed[] | Refusal {
  if (lock.amount < invoice.amount) return refuse('invoice-unmet', { total: lock.amount, needed: invoice.amount });
  const preimage = invoicePreimage(env, invoice.id);
  return equalBytes(hash160(preimage), lock.hash) ? [{ lock, preimage }] : refuse('invoice-foreign');
}

/** All of what is pending in a payment, however many came since, and the newest of the others. */
export function withRevealed(
  { revealed = [] }: PayeeState,
  more: readonly Revealed[],
  { locks }: Pick<Payment, 'locks'>,
): Pick<PayeeState, 'revealed'> {
  const isPending = ({ lock }: Revealed): boolean => lockUnder(lock.hash, locks) !== undefined;
  const known = [...revealed, ...more];
  const all = [...known.filter((one) => !isPending(one)).slice(-MOST_REVEALED), ...known.filter(isPending)];
  return all.length === 0 ? {} : { revealed: all };
}

/** What was given up counts while it is pending. */
export function stillFailed({ failed = [] }: PayeeState, { locks }: Payment): readonly PaymentHash[] {
  return failed.filter((hash) => lockUnder(hash, locks) !== undefined);
}

/** What a receipt says of a payment's pending amounts. */
export function pendingOf(
  { revealed = [] }: Pick<PayeeState, 'revealed'>,
  { locks }: Pick<Payment, 'locks'>,
): Pick<Receipt, 'pending' | 'preimages'> {
  if (locks === undefined) return {};
  const preimages = revealed.filter(({ lock }) => lockUnder(lock.hash, locks) !== undefined).map(({ preimage }) => preimage);
  return { pending: locks.map(({ hash }) => hash), ...(preimages.length > 0 && { preimages }) };
}

/** What the payer has to know of pending amounts to settle them, or to leave them out. */
export function lockState({ revealed = [], failed = [] }: PayeeState): Pick<State, 'preimages' | 'failed'> {
  return {
    ...(revealed.length > 0 && { preimages: revealed.map(({ preimage }) => preimage) }),
    ...(failed.length > 0 && { failed }),
  };
}

export function reveal(state: PayeeState, { preimage }: RevealInput): Step<PayeeState> | Refusal {
  const hash = hash160(preimage);
  if (state.revealed?.some(({ lock }) => equalBytes(lock.hash, hash))) return stay(state);
  if (state.kind === 'ended') return notActive(state);
  const lock = lockUnder(hash, state.best?.locks);
  const isGivenUp = isAmong(hash, state.failed ?? []);
  if (lock === undefined || isGivenUp || preimage.length !== PREIMAGE_BYTES) return refuse('lock-unknown');
  return { ...stay({ ...state, ...withRevealed(state, [{ lock, preimage }], state.best ?? {}) }), added: lock.amount };
}

export function giveUp(state: PayeeState, { hash }: GiveUpInput): Step<PayeeState> | Refusal {
  const { failed = [], revealed = [], best } = state;
  if (isAmong(hash, failed)) return stay(state);
  if (state.kind === 'ended') return notActive(state);
  if (lockUnder(hash, best?.locks) === undefined || revealed.some(({ lock }) => equalBytes(lock.hash, hash))) return refuse('lock-unknown');
  return stay({ ...state, failed: [...failed, hash] });
}

/** Why the channel can't end by agreement yet: what is pending would be lost. */
export function pendingRefusal({ best, failed = [] }: PayeeState): Refusal | undefined {
  const open = (best?.locks ?? []).filter(({ hash }) => !isAmong(hash, failed));
  return open.length === 0 ? undefined : refuse('lock-pending', { pending: pendingIn(open) });
}
