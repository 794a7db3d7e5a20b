import type { Amount } from '../base/amount.ts';
import type { Height } from '../base/height.ts';

/** HASH160 of a preimage of 32 bytes. */
export type PaymentHash = Uint8Array;

/** What the payee gets for the preimage of a hash, and the payer takes back from a height on (Lightning: HTLC). */
export interface HashLock {
  readonly amount: Amount;
  readonly hash: PaymentHash;
  readonly expiry: Height;
}
