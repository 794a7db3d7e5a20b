import type { Amount } from '../../core/base/amount.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import type { Payment } from '../../core/contract/contract.ts';
import type { BitcoinjMessage, UpdatePayment } from '../../core/message/bitcoinj/message.ts';
import { paymentOf } from '../../core/message/bitcoinj/payment.ts';

/** Payments that came one after another, at least one. */
export interface UpdateBatch {
  readonly kind: 'updates';
  readonly updates: readonly UpdatePayment[];
}

/** What is handled at once: one message, or payments together. */
export type Turn = Exclude<BitcoinjMessage, UpdatePayment> | UpdateBatch;

/** Messages in order, with consecutive payments joined. A message that can't be read keeps its place. */
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

/** A payment and the data that came with it. */
export interface Claim {
  readonly payment: Payment;
  readonly info?: Uint8Array;
}

/** The payments of updates in a channel of `capacity`, split where a total falls: so the last payment of each batch includes the others. */
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
