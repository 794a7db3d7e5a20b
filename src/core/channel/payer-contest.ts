import { type Amount, feeFor, greatest, ZERO } from '../base/amount.ts';
import { certain } from '../base/lock-time.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { PATIENT } from '../contract/child.ts';
import { capacityOf, type Deposit, payerScript } from '../contract/contract.ts';
import {
  affordableRate,
  type Cost,
  costOf,
  isRaise,
  isReplaceable,
  raisedRate,
  rateOf,
  refundUrgency,
  times,
  type Urgency,
} from '../contract/fee.ts';
import { refundSize } from '../contract/size.ts';
import type { Transaction } from '../tx/transaction.ts';
import { costTogether, type Spend, transactionsOf } from './fate.ts';
import { hurried } from './hurry.ts';
import type { Effect, Env } from './machine.ts';
import { refundable } from './payer-release.ts';
import { allDeposits, type PayerState } from './payer-state.ts';

/** A deposit and what waits to take it. */
export interface Held {
  readonly deposit: Deposit;
  readonly at: Spend;
}

/** What is done about a close or an agreed end that keeps deposits from being refunded: a refund that takes its place, or children of it. */
export interface Contest {
  readonly refunds: readonly Transaction[];
  readonly children: readonly Effect[];
}

/**
 * After the expiry nobody but the payee gains from a close that no miner takes, and it can be sent again for ever. So one that pays less than a late
 * refund would is replaced by the refund, and where that can't be, the payer's own change pays for it. Undefined while it may be mined by itself.
 */
export function contested(state: PayerState, held: readonly Held[], env: Env): Contest | undefined {
  const { terms } = state;
  const urgency = refundUrgency(terms, certain(terms.expiry, env));
  const before = costTogether(
    held.map(({ at }) => at),
    allDeposits(state),
  );
  if (held.length === 0 || !isSlow(before, urgency, env)) return undefined;
  const made = replacing(state, held, before, env);
  if (made !== undefined) return { refunds: [made], children: [] };
  const children = held.flatMap(({ at }) => childrenOf(state, at, times(env.feeRate, urgency.factor), env));
  return { refunds: [], children };
}

/** In the first half margin after the expiry a close has its time; from then on it pays at least what a refund would. */
function isSlow(before: Cost | undefined, { factor }: Urgency, { feeRate }: Env): boolean {
  return factor > 1n && (before === undefined || rateOf(before) < times(feeRate, factor));
}

function replacing(state: PayerState, held: readonly Held[], before: Cost | undefined, env: Env): Transaction | undefined {
  const { policy } = state.terms.coin;
  const deposits = refundable(
    state,
    held.map(({ deposit }) => deposit),
    env,
  );
  if (deposits.length < held.length || !transactionsOf(held.map(({ at }) => at)).every((one) => isReplaceable(policy, one)))
    return undefined;
  const made = refundOf(state, deposits, env, before);
  const after = isRefusal(made) ? undefined : costOf(made, deposits);
  if (isRefusal(made) || after === undefined) return undefined;
  return before === undefined || isRaise(policy, before, after) ? made : undefined;
}

/**
 * The refund at the rate that is due, and high enough to take the place of `rival`, for which more of it may go. It takes what is worth more than it
 * adds to the fee; the rest is left for itself.
 */
export function refundOf(state: PayerState, deposits: readonly Deposit[], env: Env, rival?: Cost): Transaction | Refusal {
  const { terms, returnScript: script } = state;
  const { policy } = terms.coin;
  const { factor, share, contest } = refundUrgency(terms, certain(terms.expiry, env));
  const size = refundSize(terms, deposits.length, script);
  const wanted = greatest(times(env.feeRate, factor), rival === undefined ? ZERO : raisedRate(policy, rival, size));
  const feeRate = affordableRate(policy, wanted, rival === undefined ? share : contest, capacityOf(deposits), size);
  const cost = feeFor(refundSize(terms, 1) - refundSize(terms, 0), feeRate);
  const worth = deposits.filter(({ value }) => value > cost);
  if (worth.length > 0 && worth.length < deposits.length) return refundOf(state, worth, env, rival);
  return terms.contract.refund(terms, deposits, { script, feeRate }, env.signer);
}

function childrenOf(state: PayerState, { transaction, cost }: Spend, wanted: Amount, env: Env): readonly Effect[] {
  const { terms } = state;
  const deposits = allDeposits(state);
  return hurried(transaction, {
    terms,
    deposits,
    script: payerScript(terms),
    signer: env.signer,
    rungs: PATIENT,
    wanted,
    ...(cost && { cost }),
  });
}
