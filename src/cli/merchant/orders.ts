import * as z from 'zod';
import type { Amount } from '../../core/base/amount.ts';
import { type ChannelId, channelId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import { amountField, type Field, refusalField } from '../../core/message/fields.ts';
import { transactionId } from '../../core/tx/transaction.ts';
import type { Sent } from '../../engine/channel-driver.ts';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import type { Merchant } from '../../merchant/merchant.ts';
import type { Log } from '../log/log.ts';

/** Store kind of the owner's orders to close a channel: any process may write one, the one that keeps the shop carries it out. */
export const CLOSE_ORDER = 'close-order';

/** The same to give back of what a channel was paid: one for a channel at a time. What is refused stays, with the refusal, until the next. */
export const GIVE_BACK_ORDER = 'give-back-order';

export interface GiveBackOrder {
  readonly amount: Amount;
  /** Names it. */
  readonly order: string;
  readonly refusal?: Refusal;
}

const order = { amount: amountField, order: z.string() };
export const giveBackOrder: Field<GiveBackOrder> = z.union([z.strictObject(order), z.strictObject({ ...order, refusal: refusalField })]);

/** Does what the owner has ordered. An order is taken off the list only when it is done, or can't be. */
export async function carryOutOrders(merchant: Merchant, store: Store, log: Log): Promise<void> {
  await closeOrdered(merchant, store, log);
  await giveBackOrdered(merchant, store, log);
}

/** Together where that is cheaper. */
async function closeOrdered(merchant: Merchant, store: Store, log: Log): Promise<void> {
  const orders = new Map<ChannelId, number>();
  for await (const { id, version } of store.list(CLOSE_ORDER)) orders.set(channelId(id), version);
  if (orders.size === 0) return;
  for (const one of await merchant.settle([...orders.keys()])) {
    const { channel } = one;
    if ('why' in one && one.why instanceof WorldError) {
      log.failed(`order to close ${channel}`, one.why);
      continue;
    }
    log.info({ channel, ...('why' in one ? { refusal: one.why.code } : sentFacts(one)) }, 'order to close');
    await store.commit([{ kind: CLOSE_ORDER, id: one.channel, expected: orders.get(one.channel) ?? 0, value: undefined }]);
  }
}

/** The channel remembers the last order, so one that is carried out again after a crash gives nothing more back. */
async function giveBackOrdered(merchant: Merchant, store: Store, log: Log): Promise<void> {
  for await (const { id, version, value } of store.list(GIVE_BACK_ORDER)) {
    const wanted = decodeStoredJson(giveBackOrder, `The give-back order of channel ${id}`, value);
    if (wanted.refusal !== undefined) continue;
    const channel = channelId(id);
    const driven = await merchant.giveBack(channel, wanted.amount, wanted.order);
    const refusal = isRefusal(driven) ? driven : undefined;
    log.info({ channel, amount: String(wanted.amount), ...(refusal && { refusal: refusal.code }) }, 'order to give back');
    const left = refusal && JSON.stringify(z.encode(giveBackOrder, { ...wanted, refusal }));
    await store.commit([{ kind: GIVE_BACK_ORDER, id, expected: version, value: left }]);
  }
}

export function sentFacts({ transaction, outcome }: Sent): object {
  return { txid: transactionId(transaction), outcome: outcome instanceof WorldError ? outcome.code : outcome.kind };
}
