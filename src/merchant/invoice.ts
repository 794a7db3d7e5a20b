import type { Amount } from '../core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../core/base/bytes.ts';
import { type Refusal, refuse } from '../core/base/refusal.ts';
import type { KeptInvoice } from '../core/channel/machine.ts';
import { invoiceSnapshot } from '../core/channel/snapshot.ts';
import type { Invoice } from '../core/message/message.ts';
import type { Clock, Random, Store } from '../engine/ports.ts';
import { restored } from '../engine/restore.ts';

/** Something that is sold. */
export interface Item {
  readonly text: string;
  readonly price: Amount;
}
export type PriceList = ReadonlyMap<string, Item>;

export interface InvoiceBook {
  /** Seed step 5. @returns a refusal for an item that is not for sale. */
  readonly issue: (channel: ChannelId, item: string, address: string) => Promise<Invoice | Refusal>;
  readonly find: (id: string) => Promise<KeptInvoice | undefined>;
}

/** Milliseconds for which an invoice can be paid. */
const LIFETIME = 10 * 60 * 1000;

export function invoiceBook(store: Store, clock: Clock, random: Random, prices: PriceList): InvoiceBook {
  return {
    issue: async (channel, name, address) => {
      const item = prices.get(name);
      if (item === undefined) return refuse('item-unknown', { item: name });
      const id = bytesToHex(random.bytes(16));
      const { text, price } = item;
      const invoice: Invoice = { kind: 'invoice', id, channel, item: name, text, amount: price, address, expires: clock.now() + LIFETIME };
      const value = invoiceSnapshot.encode({ invoice });
      if (!(await store.commit([{ kind: 'invoice', id, expected: 0, value }]))) throw new Error(`the invoice id ${id} was drawn twice`);
      return invoice;
    },
    find: async (id) => {
      const record = await store.get('invoice', id);
      return record && restored(invoiceSnapshot, record.value);
    },
  };
}
