import type { Asset } from '../asset/asset-codec.ts';
import { nameOfAsset } from '../asset/registry.ts';
import { type Amount, amount } from '../base/amount.ts';
import type { LockKind, LockTime } from '../base/height.ts';
import { possible } from '../base/lock-time.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { Coin } from '../coin/coin.ts';
import type { Contract } from '../contract/contract.ts';
import type { Offer } from '../message/message.ts';
import type { Env } from './state-machine.ts';

/** The most that a payer accepts of each term in an offer: each of them locks its coins, or makes them unusable for a time. */
export interface OfferLimits {
  /** Time from now to the expiry chosen under the offer: blocks, or seconds where the contract expires by time. */
  readonly lifetime: number;
  /** Blocks or seconds before the expiry in which no payment is possible. */
  readonly closingMargin: number;
  /** Confirmations that a deposit needs before payments can use it. */
  readonly depth: number;
  readonly minDeposit: Amount;
  /** What guarantees the refund. With `releases` the payer depends on the payee's signatures: a coin without one can't be refunded. */
  readonly expiryIn: Contract['expiryIn'];
  /** The asset that amounts may be of; only the coin unless given. What it is worth, and where it is, no node knows. */
  readonly asset?: Asset;
}

/** What merchants ask for by default; for margin and depth, ten times that. */
export function usualOfferLimits({ channel, policy }: Coin, kind: LockKind): OfferLimits {
  const { closingMargin, maxLifetime } = channel.span[kind];
  return {
    // The payee's chain may be a little ahead.
    lifetime: maxLifetime + closingMargin,
    closingMargin: 10 * closingMargin,
    depth: 10 * channel.buried,
    minDeposit: amount(policy.dust * 1_000_000n),
    expiryIn: 'script',
  };
}

/** Why an offer asks for too much. The detail `term` names the limit, `unit` that of its numbers; amounts are in smallest units. */
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
  const other = refuseLateRefund(offer, env) ?? refuseAsset(offer, given);
  if (other !== undefined) return other;
  const isTrusting = asked.expiryIn === 'releases' && most.expiryIn === 'script';
  const term = isTrusting ? 'expiryIn' : terms.find((one) => asked[one] > most[one]);
  if (term === undefined) return undefined;
  const span = offer.contract.expiresBy === 'height' ? 'blocks' : 'seconds';
  const unit = { lifetime: span, closingMargin: span, depth: 'confirmations', minDeposit: undefined, expiryIn: undefined }[term];
  return refuse('offer-excessive', { term, asked: asked[term], most: most[term], ...(unit && { unit }) });
}

function refuseAsset({ asset, coin }: Offer, { asset: wanted }: Partial<OfferLimits>): Refusal | undefined {
  const [asked, most] = [asset, wanted].map((one) => (one === undefined ? coin.id : nameOfAsset(one)));
  return asked === most ? undefined : refuse('offer-excessive', { term: 'asset', asked: asked ?? '', most: most ?? '' });
}

/** A day: in that time an offer is used, and its deposit is mined. */
const LATE_SECONDS = 86_400;

/** Where deposits open by their age, the payee says at which one: that may not be much later than the expiry. */
function refuseLateRefund({ coin, refundAge, minExpiry }: Offer, { tip }: Env): Refusal | undefined {
  const asked = refundAge === undefined ? 0 : tip + refundAge - minExpiry;
  const most = Math.ceil(LATE_SECONDS / coin.blockSeconds) + coin.channel.buried;
  return asked <= most ? undefined : refuse('offer-excessive', { term: 'refundAge', asked, most });
}
