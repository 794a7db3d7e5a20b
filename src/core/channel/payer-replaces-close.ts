import { type Amount, feeFor, greatest, ZERO } from '../base/amount.ts';
import type { LockTime } from '../base/height.ts';
import { certain } from '../base/lock-time.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { type Deposit, payerScript } from '../contract/contract.ts';
import { PATIENT_STEPS } from '../contract/cpfp.ts';
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
import { refundSize } from '../contract/tx-size.ts';
import { coinsIn, coinsOf } from '../contract/units.ts';
import type { Transaction } from '../tx/transaction.ts';
import { combinedCost, isOpenAt, openSince, type Spend, transactionsOf } from './deposit-view.ts';
import { broadcastPackage } from './package-broadcast.ts';
import { refundable } from './payer-refund-signatures.ts';
import { allDeposits, type PayerState } from './payer-state.ts';
import type { ChainView, Effect, Env } from './state-machine.ts';

/** A deposit and the unconfirmed transaction that spends it. */
export interface HeldDeposit {
  readonly deposit: Deposit;
  readonly at: Spend;
}

/** What to do about a close or an agreed end that blocks the refund of deposits: refunds that replace it, or children that pay for it. */
export interface CloseReplacement {
  readonly refunds: readonly Transaction[];
  readonly children: readonly Effect[];
}

/**
 * After the expiry only the payee gains from a close that no miner takes, and it can send it again for ever. So the refund replaces a close that pays
 * less than a late refund would; where that is impossible, a child spends the payer's change to pay for it. Undefined while the close may be mined by
 * itself.
 */
export function replaceStuckClose(
  state: PayerState,
  held: readonly HeldDeposit[],
  view: ChainView,
  env: Env,
): CloseReplacement | undefined {
  const { terms } = state;
  const since = openSince(
    terms,
    held.map(({ deposit }) => deposit),
    view,
    env,
  );
  const urgency = refundUrgency({ ...terms, expiry: since }, certain(since, env));
  const before = combinedCost(
    held.map(({ at }) => at),
    allDeposits(state),
  );
  if (held.length === 0 || !isSlow(before, urgency, env)) return undefined;
  const made = replacementRefund(state, held, { since, rival: before }, env);
  if (made !== undefined) return { refunds: [made], children: [] };
  const children = held.flatMap(({ at }) => cpfpOfClose(state, at, times(env.feeRate, urgency.factor), env));
  return { refunds: [], children };
}

/** For half a margin after the expiry the payer waits for a close; later it has to pay at least what a refund would. */
function isSlow(before: Cost | undefined, { factor }: Urgency, { feeRate }: Env): boolean {
  return factor > 1n && (before === undefined || rateOf(before) < times(feeRate, factor));
}

/** Since when a refund could be had, what it has to replace, and the secret that opens the deposits, where one is shown. */
export interface Due {
  readonly since: LockTime;
  readonly rival?: Cost | undefined;
  readonly secret?: Uint8Array | undefined;
}

function replacementRefund(state: PayerState, held: readonly HeldDeposit[], due: Due, env: Env): Transaction | undefined {
  const { rival } = due;
  const { policy } = state.terms.coin;
  const deposits = refundable(
    state,
    held.filter(({ at }) => isOpenAt(state.terms, at.depositDepth ?? 0, env)).map(({ deposit }) => deposit),
    env,
  );
  if (deposits.length < held.length || !transactionsOf(held.map(({ at }) => at)).every((one) => isReplaceable(policy, one)))
    return undefined;
  const made = refundAtDueRate(state, deposits, due, env);
  const after = isRefusal(made) ? undefined : costOf(made, deposits);
  if (isRefusal(made) || after === undefined) return undefined;
  return rival === undefined || isRaise(policy, rival, after) ? made : undefined;
}

/**
 * The refund at the rate that is due, and high enough to replace a rival; for that it may spend a larger part on fees. It spends deposits that are worth
 * more than they add to the fee; the others are refunded separately.
 */
export function refundAtDueRate(state: PayerState, deposits: readonly Deposit[], due: Due, env: Env): Transaction | Refusal {
  const { terms, returnScript: script } = state;
  const { since, rival, secret } = due;
  const { policy } = terms.coin;
  const { factor, share, contest } = refundUrgency({ ...terms, expiry: since }, certain(since, env));
  const size = refundSize(terms, deposits.length, script);
  const wanted = greatest(times(env.feeRate, factor), rival === undefined ? ZERO : raisedRate(policy, rival, size));
  const feeRate = affordableRate(policy, wanted, rival === undefined ? share : contest, coinsIn(deposits), size);
  const cost = feeFor(refundSize(terms, 1) - refundSize(terms, 0), feeRate);
  const worth = deposits.filter((one) => coinsOf(one) > cost);
  if (worth.length > 0 && worth.length < deposits.length) return refundAtDueRate(state, worth, due, env);
  const { change, refund } = terms.contract;
  const to = { script, feeRate };
  return secret !== undefined && change !== undefined
    ? change.take(terms, deposits, secret, to, env.signer)
    : refund(terms, deposits, to, env.signer);
}

function cpfpOfClose(state: PayerState, { transaction, cost }: Spend, wanted: Amount, env: Env): readonly Effect[] {
  const { terms } = state;
  const deposits = allDeposits(state);
  return broadcastPackage(transaction, {
    terms,
    deposits,
    script: payerScript(terms),
    signer: env.signer,
    rungs: PATIENT_STEPS,
    wanted,
    ...(cost && { cost }),
  });
}
