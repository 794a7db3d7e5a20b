import * as z from 'zod';
import { type Amount, add, amount, greatest, subtract, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { capacityOf } from '../core/contract/contract.ts';
import { amountField } from '../core/message/fields.ts';
import { decodeStoredJson } from '../engine/decode-state.ts';
import { type Store, WorldError, type Write } from '../engine/ports.ts';

/** An item that a merchant sells, under the names that the owner uses for it. */
export interface ShopItem {
  /** The merchant's address. */
  readonly merchant: string;
  readonly item: string;
}

/** The prices that a payer's owner has agreed to, and what was paid at prices that nobody had seen, in the payer's store. */
export interface PriceMemory {
  /** The highest price that was agreed to. */
  readonly agreed: (ware: ShopItem) => Promise<Amount | undefined>;
  /** How much more of a channel may be paid at prices that nobody has seen. */
  readonly unseenRoom: (state: PayerState) => Promise<Amount>;
  /** Records a price, and the payment that is about to be made at it unseen. @throws WorldError `store-busy` */
  readonly agree: (ware: ShopItem, price: Amount, unseen?: UnseenPayment) => Promise<void>;
}

export interface UnseenPayment {
  readonly channel: ChannelId;
  readonly sum: Amount;
}

/** All payments at prices that nobody has seen may together use 1/UNSEEN_SHARE of a channel's deposits. */
const UNSEEN_SHARE = 10n;

const KIND = { price: 'price', unseen: 'unseen-prices' } as const;
const sumField = z.strictObject({ sum: amountField });

export function openPriceMemory(store: Store): PriceMemory {
  const read = async (kind: string, id: string): Promise<{ readonly version: number; readonly sum: Amount | undefined }> => {
    const record = await store.get(kind, id);
    if (record === undefined) return { version: 0, sum: undefined };
    return { version: record.version, sum: decodeStoredJson(sumField, 'The record of a price', record.value).sum };
  };
  const written = async (kind: string, id: string, change: (sum: Amount) => Amount): Promise<Write> => {
    const { version, sum = ZERO } = await read(kind, id);
    return { kind, id, expected: version, value: JSON.stringify(z.encode(sumField, { sum: change(sum) })) };
  };
  return {
    agreed: async (ware) => (await read(KIND.price, idOf(ware))).sum,
    unseenRoom: async ({ channel, deposits }) => {
      const { sum = ZERO } = await read(KIND.unseen, channel);
      const most = amount(capacityOf(deposits) / UNSEEN_SHARE);
      return most > sum ? subtract(most, sum) : ZERO;
    },
    agree: async (ware, price, unseen) => {
      const writes = [await written(KIND.price, idOf(ware), (before) => greatest(before, price))];
      if (unseen !== undefined) writes.push(await written(KIND.unseen, unseen.channel, (before) => add(before, unseen.sum)));
      if (await store.commit(writes)) return;
      throw new WorldError('store-busy', 'Another process works on this store.', 'Run only one process per store.');
    },
  };
}

function idOf({ merchant, item }: ShopItem): string {
  return JSON.stringify([merchant, item]);
}
