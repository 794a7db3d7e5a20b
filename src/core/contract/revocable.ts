import { type Refusal, refuse } from '../base/refusal.ts';
import type { Coin } from '../coin/coin.ts';
import { p2sh } from '../tx/script.ts';
import { SIGHASH } from '../tx/sighash.ts';
import { bip65 } from './cltv.ts';
import { commitScript, heldOutputs, PAYOUT_BYTES, PENALTY_BYTES, payout, payoutAt, penalty } from './commit-output.ts';
import type { Contract, Revocation, RevocationHash, Terms } from './contract.ts';
import { REPLACEABLE, unidirectional } from './unidirectional.ts';

/** Seconds, by the blocks they take, in which either side looks at the chain, and once more in which what it sends is mined. */
const REACTION_SECONDS = 43_200;

/** The least blocks from the expiry to the payout: twice a late look and a slow transaction, and what a reorganisation may undo. */
function leastPayoutDelay({ blockSeconds, channel: { buried } }: Coin): number {
  return 4 * Math.ceil(REACTION_SECONDS / blockSeconds) + buried;
}

/** A close is to be buried by the expiry, and has half as long to be mined. */
function leastMargin({ channel: { buried } }: Coin): number {
  return buried + Math.ceil(buried / 2);
}

const revocation: Revocation = {
  refuseTerms: ({ coin, signing, closingMargin, payoutDelay = 0 }): Refusal | undefined => {
    if (signing.kind !== 'fixed') return refuse('contract-unfit', { reason: 'payments that can be taken back need a fixed closing fee' });
    const [margin, delay] = [leastMargin(coin), leastPayoutDelay(coin)];
    if (closingMargin < margin) return refuse('window-too-short', { closingMargin, least: margin });
    return payoutDelay < delay ? refuse('window-too-short', { payoutDelay, least: delay }) : undefined;
  },
  leastPayoutDelay,
  outputs: heldOutputs,
  payoutAt,
  payout,
  penalty,
  payoutSize: PAYOUT_BYTES,
  penaltySize: PENALTY_BYTES,
};

/**
 * picopayments' channel with absolute locks, which a chain without CSV keeps too: payments can be taken back. The payer signs over all outputs, the
 * payee's part among them, which is held until a height behind the expiry; who has shown the secret of a payment and closes with it all the same
 * loses that part to the payer. The payee may add inputs for a higher fee. With the native coin the change goes to the payer at once.
 */
export const revocable: Contract = {
  ...unidirectional({
    ...bip65,
    id: 'revocable',
    number: 5,
    expiresBy: 'height',
    form: { ...REPLACEABLE, fixedHashType: SIGHASH.ALL | SIGHASH.ANYONECANPAY },
  }),
  paysTo: (terms: Terms, hash: RevocationHash | undefined): Uint8Array => {
    if (hash === undefined) throw new Error('a payment that can be taken back names the hash of its secret');
    return p2sh(commitScript(terms, hash));
  },
  revocation,
};
