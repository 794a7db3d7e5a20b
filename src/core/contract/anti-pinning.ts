import { type Amount, amount, feeFor, MAX_AMOUNT, subtract } from '../base/amount.ts';
import type { Policy } from '../coin/coin.ts';
import type { Terms } from './contract.ts';
import { CHILD_BYTES, firstCpfpStep } from './cpfp.ts';
import { isFinal, LAST_SHARE, raisedRate, times } from './fee.ts';
import { closeSize } from './tx-size.ts';

/**
 * The least total whose close nobody can delay by spending its outputs, while miners ask for `feeRate`. The part of it that may be spent on fees pays
 * for replacing the largest family that nodes keep in the mempool, at a rate just below what miners take (BIP125 rules 3 and 4); where a close can't
 * be replaced, it pays for the child that is sent ahead. So a thief can take no more than this from a channel. `MAX_AMOUNT` if no transaction may pay
 * so much.
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

/** The rate that replaces a close of this size with a full family on it. */
function outbidding(policy: Policy, size: number, feeRate: Amount): Amount {
  const fee = feeFor(size, feeRate);
  return raisedRate(policy, { fee, size, burden: subtract(feeFor(policy.family.size, feeRate), fee) }, size);
}
