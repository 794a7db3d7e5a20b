import { type Amount, formatAmount, subtract, ZERO } from '../../core/base/amount.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import type { Account } from '../interrupt.ts';
import type { Shell } from '../run-command.ts';

export interface Paying {
  /** The channel's total when the command began. */
  readonly before: Amount;
  readonly now: () => Promise<PayerState>;
  /** How many payments are wanted, and how many have been answered. */
  readonly times: number;
  readonly made: () => number;
}

export function paidSince(before: Amount, { best }: PayerState): Amount {
  return subtract(best?.total ?? ZERO, before);
}

/** When a paying command fails or is stopped half-way, it reports what it had paid by then, which stays paid. */
export async function tellingPaid<T>({ print, stop }: Shell, paying: Paying, work: () => Promise<T>): Promise<T> {
  stop.say(async () => accountOf(paying, await paying.now()));
  try {
    return await work();
  } catch (error) {
    const now = await paying.now();
    const paid = paidSince(paying.before, now);
    if (paid > 0n) print.note(`${formatAmount(paid)} ${now.terms.coin.ticker} were paid before this, and stay paid.`);
    throw error;
  }
}

/** What to report about payments that were stopped. */
export function accountOf({ before, times, made }: Omit<Paying, 'now'>, state: PayerState): Account {
  const { ticker } = state.terms.coin;
  const paid = paidSince(before, state);
  const pending = state.kind === 'open' ? state.pending : undefined;
  const unanswered = pending && subtract(pending.payment.total, state.best?.total ?? ZERO);
  const [done, left] = [made(), times - made()];
  const again = unanswered === undefined ? '' : ' It sends that one again first, and does not pay it twice.';
  return {
    message: [
      `Stopped after ${done} of ${times} payments, ${formatAmount(paid)} ${ticker} in all: they stay paid.`,
      ...(unanswered === undefined
        ? []
        : [`One more payment, of ${formatAmount(unanswered)} ${ticker}, got no answer: it may have arrived.`]),
    ].join(' '),
    advice: left === 0 ? 'Nothing is left to pay.' : `The same command with --times ${left} pays the rest.${again}`,
    facts: { channel: state.channel, payments: done, paidNow: paid, ...(unanswered && { unanswered }) },
  };
}
