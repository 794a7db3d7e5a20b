import { type Amount, add, feeFor } from '../base/amount.ts';
import type { Terms } from './contract.ts';

/** DER of two 33-byte integers cannot occur with a low s: 71 bytes and the hash type at most (BIP66, BIP62). */
export const SIGNATURE_BYTES = 72;
/** A P2PKH output; a P2SH output is two bytes shorter. */
const OUTPUT_BYTES = 34;
/** Outpoint, sequence and a three-byte script length. */
const INPUT_BYTES = 36 + 4 + 3;
/** Version, lock time and one-byte counts. */
const FRAME_BYTES = 4 + 4 + 1 + 1;

/** Upper bound of the bytes of a close with so many inputs of one channel, and outputs. */
export function closeSize(terms: Pick<Terms, 'contract'>, inputs: number, outputs: number): number {
  return FRAME_BYTES + inputs * (INPUT_BYTES + terms.contract.closeUnlockSize) + outputs * OUTPUT_BYTES;
}

/** Upper bound of the bytes of a refund into one output. */
export function refundSize(terms: Terms, inputs: number): number {
  return FRAME_BYTES + inputs * (INPUT_BYTES + terms.contract.refundUnlockSize) + OUTPUT_BYTES;
}

/**
 * The most inputs of a refund: far below what nodes pass on (`policy.h`, MAX_STANDARD_TX_WEIGHT and MAX_STANDARD_TX_SIGOPS_COST), since the work to
 * sign and to check them grows with the square of their number.
 */
export const MOST_REFUNDED = 100;

/** Upper bound of the bytes that a P2PKH input adds. */
export const P2PKH_INPUT_BYTES: number = 36 + 4 + 1 + 1 + SIGNATURE_BYTES + 1 + 33;

/** A smaller deposit would not pay for its own refund at the coin's usual rate, and cost the payee more than it adds. */
export function leastDeposit(terms: Terms): Amount {
  const { dust, feeRate } = terms.coin.policy;
  return add(dust, feeFor(closeSize(terms, 1, 1), feeRate));
}
