import { type Amount, amount, isAmount, ZERO } from '../../core/base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import { stakedDeposits, unminedStake } from '../../core/channel/payee-close-rbf.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import type { Deposit } from '../../core/contract/contract.ts';
import { affordableRate, costOf, isRaise, LAST_SHARE, times } from '../../core/contract/fee.ts';
import { closeSize } from '../../core/contract/tx-size.ts';
import type { Signer } from '../../core/tx/sign.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import type { DepositGroup } from './file-format.ts';
import { valueFor } from './payee-value.ts';

/**
 * Fees as multiples of the coin's own rate: as high as the payee itself would go, and further up to all that the share allows, because descendants of
 * an unconfirmed close have to be outbid as well.
 */
const FACTORS = [1n, 3n, 10n, 30n, 100n, 300n, 1_000n, 3_000n, 10_000n, 10n ** 12n];

/**
 * The best payment's close, signed for good at rising fees; only one where the terms fix the fee. Deposits in no block could make all of them
 * invalid, so they are left out if the rest is still worth a close.
 */
export function feeLadder(state: PayeeState, signer: Signer): readonly [Transaction, ...Transaction[]] | Refusal {
  const mined = feeLadderWithout(state, signer, unminedStake(state));
  return isRefusal(mined) ? feeLadderWithout(state, signer, []) : mined;
}

/**
 * The same for each deposit alone, where there are several: one may be closed or disappear without the others. Deposits that would not pay for their
 * own close are left out.
 */
export function feeLaddersPerDeposit(state: PayeeState, signer: Signer): readonly DepositGroup[] {
  const stake = stakedDeposits(state);
  if (stake.length < 2) return [];
  return stake.flatMap((deposit) => {
    const without = stake.filter((other) => other !== deposit);
    const closes = feeLadderWithout(state, signer, without);
    return isRefusal(closes) ? [] : [{ total: amount(valueFor(state, closes[0])), closes }];
  });
}

function feeLadderWithout(
  state: PayeeState,
  signer: Signer,
  without: readonly Deposit[],
): readonly [Transaction, ...Transaction[]] | Refusal {
  const { terms, deposits, best: payment } = state;
  if (payment === undefined) return refuse('nothing-to-close');
  const { policy } = terms.coin;
  const close = (feeRate: Amount): Transaction | Refusal =>
    terms.contract.close([{ terms, deposits, payment, signer, without }], { script: terms.payeeScript, feeRate });
  const cheapest = close(policy.feeRate);
  if (isRefusal(cheapest)) return cheapest;
  if (terms.signing.kind === 'fixed') return [cheapest];
  const size = closeSize(terms, cheapest.inputs.length, cheapest.outputs.length);
  const taken = valueFor(state, cheapest);
  const stake = isAmount(taken) ? taken : ZERO;
  const rungs: [Transaction, ...Transaction[]] = [cheapest];
  let top = costOf(cheapest, deposits);
  for (const factor of FACTORS) {
    const higher = close(affordableRate(policy, times(policy.feeRate, factor), LAST_SHARE, stake, size));
    const cost = isRefusal(higher) ? undefined : costOf(higher, deposits);
    if (isRefusal(higher) || cost === undefined || top === undefined || !isRaise(policy, top, cost)) continue;
    rungs.push(higher);
    top = cost;
  }
  return rungs;
}
