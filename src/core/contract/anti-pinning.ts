import { type Amount, amount, feeFor, MAX_AMOUNT, subtract } from '../base/amount.ts';
import type { Policy } from '../coin/coin.ts';
import type { Terms } from './contract.ts';
import { CHILD_BYTES, firstCpfpStep } from './cpfp.ts';
import { isFinal, LAST_SHARE, raisedRate, times } from './fee.ts';
import { closeSize } from './tx-size.ts';

/**
 * The least total whose close nobody can hold up by what is built on it while miners ask for `feeRate`: what may be spent of it pays for outbidding the
 * largest family that nodes let wait, at a rate that miners just leave out (BIP125 rules 3 and 4), or for the child that pays ahead where nothing takes
 * the place of a close. A thief can take no more than that of a channel. `MAX_AMOUNT` where no transaction pays so much.
 */
export function leastStake(
  terms: Pick<Terms, 'coin' | 'contract' | 'signing'> & Partial<Pick<Terms, 'payeeScript'>>,
  feeRate: Amount,
): Amount {
  const { policy } = terms.coin;
  const size = closeSize(terms, 1, 2);
  const first = firstCpfpStep(policy);
  if (feeRate > times(policy.feeRate, first.factor)) return MAX_AMOUNT;
  const isLasting = isFinal(terms, { inputs: [terms.contract.form] });
  const fee = isLasting ? feeFor(size + CHILD_BYTES, feeRate) : feeFor(size, outbidding(policy, size, feeRate));
  return fee > policy.maxFee ? MAX_AMOUNT : amount(fee * (isLasting ? first.share : LAST_SHARE));
}

/** The rate of a raise past a close of this size and a full family on it. */
function outbidding(policy: Policy, size: number, feeRate: Amount): Amount {
  const fee = feeFor(size, feeRate);
  return raisedRate(policy, { fee, size, burden: subtract(feeFor(policy.family.size, feeRate), fee) }, size);
}
