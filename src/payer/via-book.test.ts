import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused } from '../../test/world/sample.ts';
import { amount } from '../core/base/amount.ts';
import { channelId } from '../core/base/bytes.ts';
import { hash160 } from '../core/tx/script.ts';
import { memoryStore } from '../store/memory.ts';
import { type PendingVia, viaBook } from './via-book.ts';

test('what is under way through a hub is written down once for each hash', async () => {
  const store = memoryStore();
  const hash = hash160(new Uint8Array(1));
  const one: PendingVia = {
    ...{ incoming: channelId('ab'.repeat(32)), hash, next: channelId('cd'.repeat(32)), amount: amount(5n), invoice: 'one' },
    ...{ payee: 'http://far', item: 'tea', total: amount(6n) },
  };
  assert.equal(await viaBook(store).add(one), undefined);
  // A payee that names a hash again gets no second lock for it.
  assertRefused(await viaBook(store).add({ ...one, invoice: 'two' }), 'lock-repeated');
  assert.deepEqual(await viaBook(store).all(), [one]);
  await viaBook(store).remove(one);
  await viaBook(store).remove(one);
  assert.deepEqual(await viaBook(store).all(), []);
});
