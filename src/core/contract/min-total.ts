import { type Amount, add, amount, feeFor, isAmount, least, subtract, ZERO } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import type { Deposit, Terms } from './contract.ts';
import { CHILD_BYTES } from './cpfp.ts';
import { times } from './fee.ts';
import { layOut } from './payment-plan.ts';
import { closeSize } from './tx-size.ts';

/** How much fees may rise between a payment and its close. Half of a total is the most that an urgent close spends. */
export const HEADROOM = 2n;

/**
 * The reason why `total` would not pay for its own close at `feeRate` or at twice that; undefined if it would. The plan already checks the coin's own
 * rate. A fee that is signed for good has to be enough by itself, or the payee's output has to pay for a child, where `canHurry`.
 */
export function refuseUneconomicTotal(
  terms: Terms,
  deposits: readonly Deposit[],
  total: Amount,
  feeRate: Amount,
  canHurry: () => boolean,
): Refusal | undefined {
  if (feeRate <= terms.coin.policy.feeRate) return undefined;
  const { signing } = terms;
  if (signing.kind === 'fixed') {
    const fee = feeFor(sizeOf(terms, deposits, total), usable(terms, feeRate));
    if (signing.fee >= fee) return undefined;
    if (!canHurry() || terms.asset !== undefined) return refuse('fee-too-low', { fee: signing.fee, least: fee });
  }
  const needed = minTotalAt(terms, deposits, total, times(feeRate, HEADROOM));
  return total < needed ? refuse('total-too-small', { total, least: needed }) : undefined;
}

/** The least total of which something is left when its close pays `feeRate`. `total` decides which deposits it spends. */
export function minTotalAt(terms: Terms, deposits: readonly Deposit[], total: Amount, feeRate: Amount): Amount {
  const { signing, coin } = terms;
  const size = sizeOf(terms, deposits, total);
  const rate = usable(terms, feeRate);
  if (signing.kind === 'flexible') return add(coin.policy.dust, least(feeFor(size, rate), coin.policy.maxFee));
  const family = least(feeFor(size + CHILD_BYTES, rate), coin.policy.maxFee);
  return add(coin.policy.dust, family > signing.fee ? subtract(family, signing.fee) : ZERO);
}

/** No transaction pays more than `maxFee`, whatever rate a node reports. */
function usable({ coin: { policy } }: Terms, feeRate: Amount): Amount {
  const most = policy.maxFee * 1000n;
  return isAmount(most) ? least(feeRate, amount(most)) : feeRate;
}

function sizeOf(terms: Terms, deposits: readonly Deposit[], total: Amount): number {
  const planned = layOut(terms, deposits, total);
  return isRefusal(planned) ? closeSize(terms, 1, 2) : closeSize(terms, planned.inputs.length, planned.change > 0n ? 2 : 1);
}
