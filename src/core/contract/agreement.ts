import type { Amount } from '../base/amount.ts';
import type { Outpoint, Transaction } from '../tx/transaction.ts';

/** The end that both sides sign at once, instead of waiting for a close or the expiry. */
export interface Agreement {
  /** What the payee gets; 0 when nothing was bought. */
  readonly total: Amount;
  /** Gets all the rest, less `fee`. */
  readonly payerScript: Uint8Array;
  readonly fee: Amount;
  /** Deposits that it does not spend: they are gone, or may never be mined. */
  readonly without?: readonly Outpoint[];
  /** The end of a channel the other way, by itself and unsigned: one transaction is to be both. Its own payer and payee see to that part. */
  readonly beside?: Transaction;
}
