import type { Amount } from '../../core/base/amount.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import type { Payment } from '../../core/contract/contract.ts';
import type { BitcoinjMessage, UpdatePayment } from '../../core/message/bitcoinj/message.ts';
import { paymentOf } from '../../core/message/bitcoinj/payment.ts';

/** Payments that have come one upon the other, at least one. */
export interface UpdateBatch {
  readonly kind: 'updates';
  readonly updates: readonly UpdatePayment[];
}

/** What is said at once: a message, or payments together. */
export type Turn = Exclude<BitcoinjMessage, UpdatePayment> | UpdateBatch;

/** Messages in their order, payments that follow each other as one. What can't be read stays where it was. */
export function batchUpdates(messages: readonly (BitcoinjMessage | Refusal)[]): readonly (Turn | Refusal)[] {
  const turns: (Turn | Refusal)[] = [];
  let updates: UpdatePayment[] = [];
  for (const message of messages) {
    if (message.kind !== 'update-payment') {
      turns.push(message);
      updates = [];
      continue;
    }
    if (updates.length === 0) turns.push({ kind: 'updates', updates });
    updates.push(message);
  }
  return turns;
}

/** A payment with what came along. */
export interface Claim {
  readonly payment: Payment;
  readonly info?: Uint8Array;
}

/** The payments of updates in a channel that holds `capacity`, cut where a total falls: of each run the last says all that the others say. */
export function risingBatches(updates: readonly UpdatePayment[], capacity: Amount): readonly (readonly Claim[] | Refusal)[] {
  const runs: (Claim[] | Refusal)[] = [];
  let run: Claim[] = [];
  for (const update of updates) {
    const payment = paymentOf(update, capacity);
    if (isRefusal(payment)) return [...runs, payment];
    const last = run.at(-1);
    if (last === undefined || payment.total < last.payment.total) {
      run = [];
      runs.push(run);
    }
    run.push({ payment, ...(update.info && { info: update.info }) });
  }
  return runs;
}
