import { type Amount, formatAmount, subtract, ZERO } from '../core/base/amount.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import type { Shell } from './action.ts';

/** A channel that a command pays through. */
export interface Paying {
  /** The channel's total when the command began. */
  readonly before: Amount;
  readonly now: () => Promise<PayerState>;
}

/** What was paid since the total was `before`. */
export function paidSince(before: Amount, { best }: PayerState): Amount {
  return subtract(best?.total ?? ZERO, before);
}

/** Where a command that pays fails half-way, what it had paid by then is told first: it stays paid. */
export async function tellingPaid<T>({ config, print }: Shell, { before, now }: Paying, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const paid = paidSince(before, await now());
    if (paid > 0n) print.note(`${formatAmount(paid)} ${config.coin.ticker} were paid before this, and stay paid.`);
    throw error;
  }
}
