import { type Refusal, refuse } from '../base/refusal.ts';
import type { Coin } from '../coin/coin.ts';
import { p2sh } from '../tx/script.ts';
import { SIGHASH } from '../tx/sighash.ts';
import { bip65 } from './cltv.ts';
import { commitScript, heldOutputs, payout, payoutAt, penalty } from './commit-output.ts';
import type { Contract, Revocation } from './contract.ts';
import type { Form } from './form.ts';
import { LATE_BYTES, SECRET_BYTES } from './secret-or-height.ts';
import { REPLACEABLE, unidirectional } from './unidirectional.ts';

/** Seconds until a side looks at the chain, and the same again until its transaction is mined. */
const REACTION_SECONDS = 43_200;

/** Blocks in which a side looks at the chain, and the transaction is mined that it sends then. */
export function blocksToAnswer({ blockSeconds }: Coin): number {
  return 2 * Math.ceil(REACTION_SECONDS / blockSeconds);
}

/** The least blocks from the expiry to the payout: two late looks, two slow transactions, and what a reorganisation may undo. */
function leastPayoutDelay(coin: Coin): number {
  return 2 * blocksToAnswer(coin) + coin.channel.buried;
}

/** In blocks. A close has to be buried by the expiry, and gets half that time on top to be mined. */
function leastMargin({ channel: { buried } }: Coin): number {
  return buried + Math.ceil(buried / 2);
}

/** Why terms do not protect both sides, with the least blocks until the payout that they need. */
export function refuseWindows(
  { coin, signing, closingMargin, payoutDelay = 0 }: Parameters<Revocation['refuseTerms']>[0],
  leastDelay: number,
): Refusal | undefined {
  if (signing.kind !== 'fixed') return refuse('contract-unfit', { reason: 'payments that can be taken back need a fixed closing fee' });
  const margin = leastMargin(coin);
  if (closingMargin < margin) return refuse('window-too-short', { closingMargin, least: margin });
  return payoutDelay < leastDelay ? refuse('window-too-short', { payoutDelay, least: leastDelay }) : undefined;
}

/** The payer signs all outputs, and the payee may add inputs for a higher fee. */
export const REVOCABLE: Form = { ...REPLACEABLE, fixedHashType: SIGHASH.ALL | SIGHASH.ANYONECANPAY };

/** Where the payee's part of a payment goes: to what holds it in a close. */
export function paysToHeld(heldScript: Revocation['heldScript']): Contract['paysTo'] {
  return (terms, hash) => {
    if (hash === undefined) throw new Error('a payment of this contract needs a revocation hash');
    return p2sh(heldScript(terms, hash));
  };
}

const revocation: Revocation = {
  refuseTerms: (terms) => refuseWindows(terms, leastPayoutDelay(terms.coin)),
  leastPayoutDelay,
  opensBy: 'height',
  heldScript: commitScript,
  outputs: heldOutputs(commitScript),
  payoutAt,
  payout,
  penalty,
  payoutSize: LATE_BYTES,
  penaltySize: SECRET_BYTES,
};

/**
 * A channel whose payments can be taken back: picopayments' channel with absolute locks, so that it also works on a chain without CSV. The payer
 * signs over all outputs. A close holds the payee's part until a height after the expiry. A payee that has shown the secret of a payment, and still
 * closes with it, loses that part to the payer. The payee may add inputs for a higher fee. The change goes to the payer at once.
 */
export const revocable: Contract = {
  ...unidirectional({ ...bip65('height'), id: 'revocable', number: 5, form: REVOCABLE }),
  paysTo: paysToHeld(commitScript),
  revocation,
};
