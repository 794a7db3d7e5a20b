import * as z from 'zod';
import type { Amount } from '../../core/base/amount.ts';
import { type ChannelId, isChannelId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import { amountField, type Field, refusalField } from '../../core/message/fields.ts';
import { transactionId } from '../../core/tx/transaction.ts';
import type { Sent } from '../../engine/channel-driver.ts';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import { type Store, type StoredRecord, WorldError } from '../../engine/ports.ts';
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

/** Store kind of orders that can't be read, by kind and id: kept for whoever looks into it. */
export const DAMAGED_ORDER = 'damaged-order';

type Shop = Pick<Merchant, 'settle' | 'giveBack'>;

/** Does what the owner has ordered. An order is taken off the list only when it is done, or can't be. */
export async function carryOutOrders(merchant: Shop, store: Store, log: Log): Promise<void> {
  const closing = await closeOrdered(merchant, store, log).catch((error: unknown) => ({ error }));
  await giveBackOrdered(merchant, store, log);
  if (closing !== undefined) throw closing.error;
}

/** Together where that is cheaper. */
async function closeOrdered(merchant: Shop, store: Store, log: Log): Promise<void> {
  const orders = new Map<ChannelId, number>();
  for await (const record of store.list(CLOSE_ORDER)) {
    if (isChannelId(record.id)) orders.set(record.id, record.version);
    else await setAside(store, log, CLOSE_ORDER, record, unknownChannel(record.id));
  }
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

/** Each by itself: what hinders one hinders no other. */
async function giveBackOrdered(merchant: Shop, store: Store, log: Log): Promise<void> {
  for await (const record of store.list(GIVE_BACK_ORDER)) {
    const wanted = readOrder(record);
    if (wanted instanceof WorldError) {
      await setAside(store, log, GIVE_BACK_ORDER, record, wanted);
      continue;
    }
    if (wanted.refusal !== undefined) continue;
    try {
      await givenBack(merchant, store, log, { ...wanted, version: record.version });
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
      log.failed(`order to give back of ${record.id}`, error);
    }
  }
}

/** The channel remembers the last order, so one that is carried out again after a crash gives nothing more back. */
async function givenBack(merchant: Shop, store: Store, log: Log, { channel, version, ...wanted }: ReadOrder): Promise<void> {
  const driven = await merchant.giveBack(channel, wanted.amount, wanted.order);
  const refusal = isRefusal(driven) ? driven : undefined;
  log.info({ channel, amount: String(wanted.amount), ...(refusal && { refusal: refusal.code }) }, 'order to give back');
  const left = refusal && JSON.stringify(z.encode(giveBackOrder, { ...wanted, refusal }));
  await store.commit([{ kind: GIVE_BACK_ORDER, id: channel, expected: version, value: left }]);
}

interface ReadOrder extends GiveBackOrder {
  readonly channel: ChannelId;
  readonly version: number;
}

function readOrder({ id, value }: Listed): Omit<ReadOrder, 'version'> | WorldError {
  if (!isChannelId(id)) return unknownChannel(id);
  try {
    return { ...decodeStoredJson(giveBackOrder, `The give-back order of channel ${id}`, value), channel: id };
  } catch (error) {
    if (error instanceof WorldError) return error;
    throw error;
  }
}

function unknownChannel(id: string): WorldError {
  return new WorldError('store-damaged', `There is an order for ${id}, which is no channel.`, 'Give the order again.');
}

type Listed = StoredRecord & { readonly id: string };

/** A damaged order is told of once, and makes room for another. */
async function setAside(store: Store, log: Log, kind: string, { id, version, value }: Listed, why: WorldError): Promise<void> {
  log.failed(`order ${kind} ${id}`, why);
  const aside = { kind: DAMAGED_ORDER, id: `${kind}/${id}` };
  const before = await store.get(aside.kind, aside.id);
  await store.commit([
    { ...aside, expected: before?.version ?? 0, value },
    { kind, id, expected: version, value: undefined },
  ]);
}

export function sentFacts({ transaction, outcome }: Sent): object {
  return { txid: transactionId(transaction), outcome: outcome instanceof WorldError ? outcome.code : outcome.kind };
}
