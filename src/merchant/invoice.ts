import type { Amount } from '../core/base/amount.ts';
import { bytesToHex } from '../core/base/bytes.ts';
import { type Refusal, refuse } from '../core/base/refusal.ts';
import { invoiceSnapshot } from '../core/channel/snapshot.ts';
import type { KeptInvoice } from '../core/channel/state-machine.ts';
import type { PaymentHash } from '../core/contract/pending.ts';
import type { Invoice } from '../core/message/message.ts';
import { decodeStored } from '../engine/decode-state.ts';
import type { Clock, Random, Store } from '../engine/ports.ts';
import { hashedInvoiceId, isNamed, readHashedId } from './hashed-invoice.ts';
import { type Unpaid, UnpaidInvoices } from './unpaid-invoices.ts';

export interface Item {
  readonly text: string;
  readonly price: Amount;
}
export type PriceList = ReadonlyMap<string, Item>;

export type AskedInvoice = Pick<Invoice, 'channel' | 'item' | 'address'>;
/** The hash of an invoice, by its id: only the payee can tell it. */
export type HashOf = (id: string) => PaymentHash;

export interface InvoiceBook {
  /** Seed step 5. If a channel has too many unpaid invoices, its oldest one is dropped. @returns a refusal for an item that is not for sale. */
  readonly issue: (asked: AskedInvoice) => Promise<Invoice | Refusal>;
  /** One to be paid by what is pending under its hash. Anybody may ask for it, so nothing is stored before it is paid. */
  readonly quote: (asked: AskedInvoice, hashOf: HashOf) => Invoice | Refusal;
  /** The invoice of `quote` with this id and hash, if its item is still sold. Whoever knows its hash has it of this payee. */
  readonly quoted: (quoted: Omit<AskedInvoice, 'item'> & Pick<Invoice, 'id'> & Required<Pick<Invoice, 'hash'>>) => Invoice | undefined;
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
    issue: async (asked) => {
      const { channel } = asked;
      const item = prices.get(asked.item);
      if (item === undefined) return refuse('item-unknown', { item: asked.item });
      const id = bytesToHex(random.bytes(16));
      const expires = clock.now() + LIFETIME;
      const invoice = invoiceFor(asked, item, { id, expires });
      const value = invoiceSnapshot.encode({ invoice });
      // Deleting the dropped invoices shares the sync of the new one. One that can't be deleted may just have been paid.
      const removed = remove(unpaid.add({ id, channel, expires }));
      const [isStored] = await Promise.all([store.commit([{ kind: 'invoice', id, expected: 0, value }]), removed]);
      if (!isStored) throw new Error(`the invoice id ${id} was drawn twice`);
      return invoice;
    },
    quote: (asked, hashOf) => {
      const item = prices.get(asked.item);
      if (item === undefined) return refuse('item-unknown', { item: asked.item });
      const expires = Math.floor((clock.now() + LIFETIME) / 1000) * 1000;
      const id = hashedInvoiceId(asked.item, expires, random);
      return invoiceFor(asked, item, { id, expires, hash: hashOf(id) });
    },
    quoted: ({ id, hash, ...asked }) => {
      const said = readHashedId(id);
      const sold = said && [...prices].find(([name]) => isNamed(name, said));
      if (said === undefined || sold === undefined) return undefined;
      const [name, item] = sold;
      return invoiceFor({ ...asked, item: name }, item, { id, expires: said.expires, hash });
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

type Issued = Pick<Invoice, 'id' | 'expires' | 'hash'>;

function invoiceFor({ channel, item, address }: AskedInvoice, { text, price }: Item, { id, expires, hash }: Issued): Invoice {
  return { kind: 'invoice', id, channel, item, text, amount: price, address, expires, ...(hash && { hash }) };
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
