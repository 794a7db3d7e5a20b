import type { Amount } from '../core/base/amount.ts';
import { bytesToHex } from '../core/base/bytes.ts';
import { type Refusal, refuse } from '../core/base/refusal.ts';
import { invoiceSnapshot } from '../core/channel/snapshot.ts';
import type { KeptInvoice } from '../core/channel/state-machine.ts';
import type { PaymentHash } from '../core/contract/pending.ts';
import type { Invoice } from '../core/message/message.ts';
import { decodeStored } from '../engine/decode-state.ts';
import type { Clock, Random, Store } from '../engine/ports.ts';
import { type Unpaid, UnpaidInvoices } from './unpaid-invoices.ts';

export interface Item {
  readonly text: string;
  readonly price: Amount;
}
export type PriceList = ReadonlyMap<string, Item>;

/** `hashOf`: for one that can be paid by what is pending: its hash, by the invoice's id. */
export interface AskedInvoice extends Pick<Invoice, 'channel' | 'item' | 'address'> {
  readonly hashOf?: (id: string) => PaymentHash;
}

export interface InvoiceBook {
  /** Seed step 5. If a channel has too many unpaid invoices, its oldest one is dropped. @returns a refusal for an item that is not for sale. */
  readonly issue: (asked: AskedInvoice) => Promise<Invoice | Refusal>;
  readonly find: (id: string) => Promise<KeptInvoice | undefined>;
  /** The invoice is paid, and kept for good. */
  readonly settled: (id: string) => void;
  /** Deletes unpaid invoices that have expired, also those of earlier runs. Paid ones are never touched. */
  readonly sweep: () => Promise<void>;
}

/** Milliseconds for which an invoice can be paid. */
const LIFETIME = 10 * 60 * 1000;
/** Version of an invoice that was written once, so is unpaid: it is deleted only if it is still at this version. */
const AS_ISSUED = 1;
/** How many are deleted at a time: they share one sync, and payments do not wait long for it. */
const MOST_REMOVED = 64;

export function invoiceBook(store: Store, clock: Clock, random: Random, prices: PriceList): InvoiceBook {
  const unpaid = new UnpaidInvoices();
  let leftOver: 'unread' | 'read' = 'unread';

  const remove = async (gone: readonly Unpaid[]): Promise<void> => {
    for (let i = 0; i < gone.length; i += MOST_REMOVED)
      await Promise.all(
        gone.slice(i, i + MOST_REMOVED).map(({ id }) => store.commit([{ kind: 'invoice', id, expected: AS_ISSUED, value: undefined }])),
      );
  };
  return {
    issue: async ({ channel, item: name, address, hashOf }) => {
      const item = prices.get(name);
      if (item === undefined) return refuse('item-unknown', { item: name });
      const id = bytesToHex(random.bytes(16));
      const { text, price } = item;
      const expires = clock.now() + LIFETIME;
      const invoice: Invoice = {
        kind: 'invoice',
        id,
        channel,
        item: name,
        text,
        amount: price,
        address,
        expires,
        ...(hashOf && { hash: hashOf(id) }),
      };
      const value = invoiceSnapshot.encode({ invoice });
      // Deleting the dropped invoices shares the sync of the new one. One that can't be deleted may just have been paid.
      const removed = remove(unpaid.add({ id, channel, expires }));
      const [isStored] = await Promise.all([store.commit([{ kind: 'invoice', id, expected: 0, value }]), removed]);
      if (!isStored) throw new Error(`the invoice id ${id} was drawn twice`);
      return invoice;
    },
    find: async (id) => {
      const record = await store.get('invoice', id);
      return record && decodeStored(invoiceSnapshot, record.value);
    },
    settled: (id) => unpaid.delete(id),
    sweep: async () => {
      if (leftOver === 'unread') for (const invoice of await unpaidOf(store)) await remove(unpaid.add(invoice));
      leftOver = 'read';
      await remove(unpaid.takeExpired(clock.now()));
    },
  };
}

/** The first to expire comes first. */
async function unpaidOf(store: Store): Promise<readonly Unpaid[]> {
  const found: Unpaid[] = [];
  for await (const { id, value } of store.list('invoice')) {
    const { invoice, paidTotal } = decodeStored(invoiceSnapshot, value);
    if (paidTotal === undefined) found.push({ id, channel: invoice.channel, expires: invoice.expires });
  }
  return found.toSorted((a, b) => a.expires - b.expires);
}
