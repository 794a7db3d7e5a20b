import { type Amount, add, feeFor } from '../base/amount.ts';
import type { Terms } from './contract.ts';

/** DER of two 33-byte integers can't occur with a low s: at most 71 bytes and the hash type (BIP66, BIP62). */
export const SIGNATURE_BYTES = 72;
/** A P2PKH output; P2SH and P2WPKH are shorter. */
const OUTPUT_BYTES = 34;
const P2PKH_SCRIPT_BYTES = 25;
/** Outpoint, sequence and the three bytes of the script's length. */
const INPUT_BYTES = 36 + 4 + 3;
/** Version, lock time and one-byte counts. */
const FRAME_BYTES = 4 + 4 + 1 + 1;

/** The terms that decide the size of a close; P2PKH is assumed while the payee's script is unknown. */
type Sized = Pick<Terms, 'contract'> & Partial<Pick<Terms, 'payeeScript'>>;

/** Upper bound of the bytes of a close with so many inputs of one channel and so many outputs. */
export function closeSize(terms: Sized, inputs: number, outputs: number): number {
  const payout = outputs === 0 ? 0 : extraBytes(terms.payeeScript);
  return FRAME_BYTES + inputs * (INPUT_BYTES + terms.contract.closeUnlockSize) + outputs * OUTPUT_BYTES + payout;
}

/** Bytes that an output has more than a P2PKH output: P2WSH and P2TR hold 32 bytes. */
export function extraBytes(outputScript: Uint8Array = new Uint8Array()): number {
  return Math.max(0, outputScript.length - P2PKH_SCRIPT_BYTES);
}

/** Upper bound of the bytes of a refund with one output; P2PKH unless given. */
export function refundSize(terms: Terms, inputs: number, returnScript?: Uint8Array): number {
  return FRAME_BYTES + inputs * (INPUT_BYTES + terms.contract.refundUnlockSize) + OUTPUT_BYTES + extraBytes(returnScript);
}

/**
 * The most inputs of a refund. It is far below the limits of nodes (`policy.h`, MAX_STANDARD_TX_WEIGHT and MAX_STANDARD_TX_SIGOPS_COST), because the
 * work to sign and check them grows with the square of their number.
 */
export const MOST_REFUNDED = 100;

/** Upper bound of the bytes that a P2PKH input adds. */
export const P2PKH_INPUT_BYTES: number = 36 + 4 + 1 + 1 + SIGNATURE_BYTES + 1 + 33;

/** A smaller deposit would not pay for its own refund at the coin's usual rate, and would cost the payee more than it adds. */
export function leastDeposit(terms: Terms): Amount {
  const { dust, feeRate } = terms.coin.policy;
  return add(dust, feeFor(closeSize(terms, 1, 1), feeRate));
}
