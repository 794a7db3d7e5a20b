import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import type { OpenPayer, PendingPayment } from '../core/channel/payer-state.ts';
import type { PayerEngine } from '../engine/engine.ts';
import { type Exchange, type Line, told } from './request.ts';

/** An earlier unanswered payment, and its answer. That may be a refusal, even if the payment counts or stays unanswered. */
export interface Settled {
  readonly before: OpenPayer;
  readonly pending: PendingPayment;
  readonly exchange: Exchange | Refusal;
}

/**
 * An unanswered payment is sent again before anything else. After its answer nothing is pending, unless the payee was too busy to look at it. But a
 * payee that refuses it and then shows it as the best has been paid, whatever it says.
 */
export async function settlePending(engine: PayerEngine, line: Line): Promise<Settled | undefined> {
  const before = await engine.get(line.channel);
  if (before?.kind !== 'open' || before.pending === undefined) return undefined;
  const { pending } = before;
  const exchange = told(await line.exchange({ kind: 'resend' }));
  const after = await engine.get(line.channel);
  const isLeft = after?.kind === 'open' && after.pending !== undefined;
  const isPaid = !isRefusal(exchange) || after?.best?.total === pending.payment.total;
  return isPaid || isLeft ? { before, pending, exchange } : undefined;
}
