import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../core/base/amount.ts';
import { channelId } from '../core/base/bytes.ts';
import { isRefusal } from '../core/base/refusal.ts';
import { invoiceSnapshot } from '../core/channel/snapshot.ts';
import type { Invoice } from '../core/message/message.ts';
import type { Store } from '../engine/ports.ts';
import { memoryStore } from '../store/memory.ts';
import { type InvoiceBook, invoiceBook } from './invoice.ts';
import { UnpaidInvoices } from './unpaid-invoices.ts';

const MINUTE = 60_000;
const first = channelId('01'.repeat(32));
const second = channelId('02'.repeat(32));
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

function opened(store: Store = memoryStore()): { readonly book: InvoiceBook; readonly store: Store; readonly clock: { time: number } } {
  const clock = { time: 1_000_000 * MINUTE };
  const prices = new Map([['tea', { text: 'A cup of tea', price: amount(5n) }]]);
  return { book: invoiceBook(store, { now: () => clock.time }, random, prices), store, clock };
}

async function issued(book: InvoiceBook, channel = first): Promise<Invoice> {
  const invoice = await book.issue({ channel, item: 'tea', address: 'x' });
  return isRefusal(invoice) ? assert.fail(invoice.code) : invoice;
}

async function pay(store: Store, book: InvoiceBook, invoice: Invoice, tell = true): Promise<void> {
  const value = invoiceSnapshot.encode({ invoice, paidTotal: invoice.amount });
  assert.ok(await store.commit([{ kind: 'invoice', id: invoice.id, expected: 1, value }]));
  if (tell) book.settled(invoice.id);
}

async function idsIn(store: Store): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { id } of store.list('invoice')) ids.push(id);
  return ids;
}

test('a channel has so many unpaid invoices; the oldest gives way, paid ones and those of others stay', async () => {
  const { book, store } = opened();
  const paid = await issued(book);
  await pay(store, book, paid);
  const silently = await issued(book);
  await pay(store, book, silently, false);
  const other = await issued(book, second);
  const all: Invoice[] = [];
  for (let i = 0; i < 100; i++) all.push(await issued(book));
  const kept = new Set(await idsIn(store));
  assert.equal(kept.size, 64 + 3);
  for (const { id } of [paid, silently, other, ...all.slice(-64)]) assert.ok(kept.has(id));
  assert.equal((await book.find(silently.id))?.paidTotal, silently.amount);
  assert.equal(await book.find(all[0]?.id ?? ''), undefined);
});

test('what gives way goes with what is new: a store can write both under one sync', async () => {
  const store = memoryStore();
  let [waiting, most] = [0, 0];
  const commit: Store['commit'] = async (writes) => {
    most = Math.max(most, ++waiting);
    await Promise.resolve();
    waiting--;
    return store.commit(writes);
  };
  const { book } = opened({ ...store, commit });
  for (let i = 0; i < 64; i++) await issued(book);
  assert.equal(most, 1);
  await issued(book);
  assert.equal(most, 2);
  assert.equal((await idsIn(store)).length, 64);
});

test('what expires unpaid is deleted, what is paid never', async () => {
  const { book, store, clock } = opened();
  const [paid, raced, unpaid] = [await issued(book), await issued(book), await issued(book)];
  await pay(store, book, paid);
  clock.time += 10 * MINUTE;
  const young = await issued(book);
  await book.sweep();
  assert.equal((await idsIn(store)).length, 4);
  clock.time += 1;
  // A payment that is stored at the same time wins.
  await pay(store, book, raced, false);
  await book.sweep();
  assert.deepEqual(new Set(await idsIn(store)), new Set([paid, raced, young].map(({ id }) => id)));
  assert.equal(await book.find(unpaid.id), undefined);
});

test('what an earlier run left unpaid is swept up: at once if it has expired, else when it does', async () => {
  const before = opened();
  const paid = await issued(before.book);
  await pay(before.store, before.book, paid);
  await issued(before.book);
  before.clock.time += 6 * MINUTE;
  const young = await issued(before.book);
  const { book, store, clock } = opened(before.store);
  clock.time = before.clock.time + 6 * MINUTE;
  await book.sweep();
  assert.deepEqual(new Set(await idsIn(store)), new Set([paid.id, young.id]));
  clock.time += 6 * MINUTE;
  await book.sweep();
  assert.deepEqual(await idsIn(store), [paid.id]);
});

test('there are only so many unpaid invoices at all', () => {
  const unpaid = new UnpaidInvoices();
  const removed: string[] = [];
  for (let i = 0; i < 200_010; i++) {
    const channel = channelId(i.toString(16).padStart(64, '0'));
    removed.push(...unpaid.add({ id: String(i), channel, expires: i }).map(({ id }) => id));
  }
  assert.deepEqual(removed, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
});
