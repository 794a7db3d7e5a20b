import { type Amount, feeFor, greatest, least } from '../base/amount.ts';
import { type ChainTime, possible } from '../base/lock-time.ts';
import { isRefusal } from '../base/refusal.ts';
import type { Deposit, Terms } from './contract.ts';
import { affordableRate, closeUrgency, isReplaceable, rateOf, times } from './fee.ts';
import { unsigned } from './payment-plan.ts';
import { closeSize } from './tx-size.ts';

/** How many times the rate of its own close the payee asks for in an agreed end that its own close could not replace later, however fees rise. */
const HEADROOM = 2n;

/** The payment that the payee closes alone if there is no agreed end. */
interface Owed {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly total: Amount;
}

/** The time, and the fee rate per 1,000 bytes that gets a transaction confirmed. */
interface Market extends ChainTime {
  readonly feeRate: Amount;
}

/**
 * The least fee at which an end over these deposits is no worse for the payee than its own close now. It pays the same rate. It pays more where the
 * own close could wait and pay the rate of that time, while the end can't be replaced once it is sent. With a fixed fee the own close could not pay
 * more later either.
 */
export function minCoopCloseFee(owed: Owed, spent: readonly Deposit[], at: Market): Amount {
  const { terms } = owed;
  const { policy } = terms.coin;
  const isFinal = terms.signing.kind === 'flexible' && !isReplaceable(policy, unsigned(terms, spent, []));
  const rate = closeRate(owed, at);
  return least(feeFor(closeSize(terms, spent.length, 2), isFinal ? times(rate, HEADROOM) : rate), policy.maxFee);
}

/** The fee of the own close, at its largest size. */
function closeRate({ terms, deposits, total }: Owed, at: Market): Amount {
  const { policy } = terms.coin;
  const planned = terms.contract.plan(terms, deposits, total);
  if (isRefusal(planned)) return greatest(at.feeRate, policy.feeRate);
  const size = closeSize(terms, planned.inputs.length, planned.change > 0n ? 2 : 1);
  if (terms.signing.kind === 'fixed') return rateOf({ fee: terms.signing.fee, size });
  const { factor, share } = closeUrgency(terms, possible(terms.expiry, at));
  return affordableRate(policy, times(at.feeRate, factor), share, total, size);
}
