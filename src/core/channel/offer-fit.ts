import { isTime, type LockTime } from '../base/height.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { isAgeFit } from '../contract/age-lock.ts';
import type { Contract, Terms } from '../contract/contract.ts';
import type { Offer, OfferedTerms } from '../message/message.ts';
import type { PublicKey } from '../tx/sign.ts';

/** More would make closes larger and states slower than any payer needs. */
export const MAX_DEPOSITS = 16;
/** Why no script comes of an offer. */
export function wrongAgeLock(offer: Offer): Refusal | undefined {
  return isAgeFit(offer) ? undefined : refuse('offer-malformed', { contract: offer.contract.id, refundAge: offer.refundAge ?? '' });
}

/** Whether an offer allows several expiries although the script does not contain the expiry: a payer could get refunds signed for more than one. */
export function isOpenEnded({ contract, minExpiry, maxExpiry }: OfferedTerms): boolean {
  return contract.expiryIn === 'releases' && minExpiry !== maxExpiry;
}

/** What is wrong with the terms for taking payments back. A contract without that may have no such terms. */
export function wrongRevocation(offer: OfferedTerms, penaltyKey: PublicKey | undefined): Refusal | undefined {
  const { contract, payoutDelay } = offer;
  if (contract.revocation === undefined) {
    const isMore = payoutDelay !== undefined || penaltyKey !== undefined;
    return isMore ? refuse('contract-one-way', { contract: contract.id }) : undefined;
  }
  return contract.revocation.refuseTerms(offer) ?? (penaltyKey === undefined ? refuse('key-invalid', { key: 'penalty' }) : undefined);
}

/** A close that moves an asset pays a fixed fee to a script of its own. */
export function wrongAsset({ asset, contract }: OfferedTerms): Refusal | undefined {
  if (asset === undefined || contract.revocation !== undefined) return undefined;
  return refuse('contract-unfit', { reason: 'this contract moves coins only', contract: contract.id });
}

/** A close that moves an asset has one input. */
export function mostDeposits({ asset }: Pick<Terms, 'asset'>): number {
  return asset === undefined ? MAX_DEPOSITS : 1;
}

export function isExpiryOf({ expiresBy }: Contract, expiry: LockTime): boolean {
  return isTime(expiry) === (expiresBy === 'time');
}
