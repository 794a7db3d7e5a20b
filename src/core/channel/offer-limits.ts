import { type Amount, amount } from '../base/amount.ts';
import type { LockKind, LockTime } from '../base/height.ts';
import { possible } from '../base/lock-time.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { Coin } from '../coin/coin.ts';
import type { Contract } from '../contract/contract.ts';
import type { Offer } from '../message/message.ts';
import type { Env } from './state-machine.ts';

/** The most that a payer agrees to of what an offer asks for: each of these locks its coins, or keeps them from being of use. */
export interface OfferLimits {
  /** Blocks, or seconds where the contract expires by time, until the expiry that is chosen under the offer. */
  readonly lifetime: number;
  /** Blocks or seconds before the expiry in which nothing can be paid any more. */
  readonly closingMargin: number;
  /** Blocks that any deposit has to be deep before it can be paid from. */
  readonly depth: number;
  readonly minDeposit: Amount;
  /** What gives the payer its way back: by `releases` it has only what the payee signs, and coins that nobody signs for can't be had back. */
  readonly expiryIn: Contract['expiryIn'];
}

/** What merchants ask for by default, and ten times what they have in mind for margin and depth. */
export function usualOfferLimits({ channel, policy }: Coin, kind: LockKind): OfferLimits {
  const { closingMargin, maxLifetime } = channel.span[kind];
  return {
    // The payee may be a little ahead.
    lifetime: maxLifetime + closingMargin,
    closingMargin: 10 * closingMargin,
    depth: 10 * channel.buried,
    minDeposit: amount(policy.dust * 1_000_000n),
    expiryIn: 'script',
  };
}

/** Why an offer asks for too much. The fact `term` names the limit. */
export function refuseExcessiveOffer(offer: Offer, expiry: LockTime, given: Partial<OfferLimits>, env: Env): Refusal | undefined {
  const most = { ...usualOfferLimits(offer.coin, offer.contract.expiresBy), ...given };
  const asked: OfferLimits = {
    lifetime: expiry - possible(expiry, env),
    closingMargin: offer.closingMargin,
    depth: Math.max(0, ...offer.depth.map(({ blocks }) => blocks)),
    minDeposit: offer.minDeposit,
    expiryIn: offer.contract.expiryIn,
  };
  const terms = ['lifetime', 'closingMargin', 'depth', 'minDeposit'] as const;
  const isTrusting = asked.expiryIn === 'releases' && most.expiryIn === 'script';
  const term = isTrusting ? 'expiryIn' : terms.find((one) => asked[one] > most[one]);
  return term === undefined ? undefined : refuse('offer-excessive', { term, asked: asked[term], most: most[term] });
}
