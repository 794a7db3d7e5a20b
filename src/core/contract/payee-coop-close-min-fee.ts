import { type Amount, feeFor, greatest, least } from '../base/amount.ts';
import { type ChainTime, possible } from '../base/lock-time.ts';
import { isRefusal } from '../base/refusal.ts';
import type { Deposit, Terms } from './contract.ts';
import { affordableRate, closeUrgency, isReplaceable, rateOf, times } from './fee.ts';
import { unsigned } from './payment-plan.ts';
import { closeSize } from './tx-size.ts';

/** How many times the rate of the payee's own close an end pays that this could not take the place of later, however fees rise. */
const HEADROOM = 2n;

/** What the payee closes alone where no end is agreed to. */
interface Owed {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly total: Amount;
}

/** The time, and units per 1,000 bytes for what has to be confirmed. */
interface Market extends ChainTime {
  readonly feeRate: Amount;
}

/**
 * The least fee of an end over these deposits that is no worse for the payee than its own close would be now: the same rate, and headroom where that
 * close can wait and pay what is asked for then, while the end can't be replaced once it is on its way. Under a fixed fee the own close pays no more then.
 */
export function minCoopCloseFee(owed: Owed, spent: readonly Deposit[], at: Market): Amount {
  const { terms } = owed;
  const { policy } = terms.coin;
  const isFinal = terms.signing.kind === 'flexible' && !isReplaceable(policy, unsigned(terms, spent, []));
  const rate = closeRate(owed, at);
  return least(feeFor(closeSize(terms, spent.length, 2), isFinal ? times(rate, HEADROOM) : rate), policy.maxFee);
}

/** What the own close pays, for the most bytes that it can have. */
function closeRate({ terms, deposits, total }: Owed, at: Market): Amount {
  const { policy } = terms.coin;
  const planned = terms.contract.plan(terms, deposits, total);
  if (isRefusal(planned)) return greatest(at.feeRate, policy.feeRate);
  const size = closeSize(terms, planned.inputs.length, planned.change > 0n ? 2 : 1);
  if (terms.signing.kind === 'fixed') return rateOf({ fee: terms.signing.fee, size });
  const { factor, share } = closeUrgency(terms, possible(terms.expiry, at));
  return affordableRate(policy, times(at.feeRate, factor), share, total, size);
}
