import type { Amount } from '../base/amount.ts';
import type { TypedSignature } from '../tx/sign.ts';

/** What all transactions of a contract have in common; every signature covers it. */
export interface Form {
  readonly version: number;
  /** Value of a data output in funding transactions. */
  readonly dataValue: Amount;
  /** Sequence of the channel's inputs in closes and agreed ends; below 0xfffffffe they can be replaced (BIP125). */
  readonly sequence: number;
  /** The same in refunds; it has to be below 0xffffffff, or the lock time would not apply (BIP65). */
  readonly refundSequence: number;
  /** Hash type of the payer's signatures under a fixed fee. */
  readonly fixedHashType: number;
}

/** For transactions that need no other side: replaceable (BIP125), no relative lock (BIP68). */
export const TX_VERSION = 2;
export const TX_SEQUENCE = 0xffff_fffd;

/** The signatures in the scriptSig of a close or an agreed end; they are not verified here. */
export interface CloseSignatures {
  readonly payer: TypedSignature;
  readonly payee: TypedSignature;
}

/** What happened to a deposit that a transaction spends. */
export type Spend = 'close' | 'refund' | 'foreign';
