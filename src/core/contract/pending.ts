import { type Amount, add, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Height } from '../base/height.ts';

/** HASH160 of a preimage of 32 bytes. */
export type PaymentHash = Uint8Array;

/** What the payee gets for the preimage of a hash, and the payer takes back from a height on (Lightning: HTLC). */
export interface HashLock {
  readonly amount: Amount;
  readonly hash: PaymentHash;
  readonly expiry: Height;
}

/** What a payment holds beyond its total. */
export function pendingIn(locks: readonly HashLock[] = []): Amount {
  return add(ZERO, ...locks.map(({ amount }) => amount));
}

interface Paying {
  readonly total: Amount;
  readonly locks?: readonly HashLock[];
}

/** The most that the payee can take with a payment. */
export function worthOf(payment: Paying | undefined): Amount {
  return payment === undefined ? ZERO : add(payment.total, pendingIn(payment.locks));
}

export function isSameLock(a: HashLock, b: HashLock): boolean {
  return a.amount === b.amount && a.expiry === b.expiry && equalBytes(a.hash, b.hash);
}

export function isAmong(hash: PaymentHash, hashes: readonly PaymentHash[]): boolean {
  return hashes.some((one) => equalBytes(one, hash));
}

export function lockUnder(hash: PaymentHash, locks: readonly HashLock[] = []): HashLock | undefined {
  return locks.find((one) => equalBytes(one.hash, hash));
}

/** Whether a payment is for more than the one before it: a higher total, or an amount that was not pending there. */
export function isMore({ total, locks = [] }: Paying, before: Paying | undefined): boolean {
  return total > (before?.total ?? ZERO) || locks.some((one) => before?.locks?.some((other) => isSameLock(one, other)) !== true);
}
