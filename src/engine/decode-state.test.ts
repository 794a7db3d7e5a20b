import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memoryStore } from '../store/memory.ts';
import { decodeStoredJson } from './decode-state.ts';
import { WorldError } from './ports.ts';
import { SpendIndex } from './spend-index.ts';
import { lastRead } from './sync-cursor.ts';
import { WatchList } from './watch-list.ts';

const isDamage = (error: unknown): boolean => error instanceof WorldError && error.code === 'store-damaged';

test('a record that is cut short, not JSON or of another shape is damaged, not a fault of ours', () => {
  const field = z.strictObject({ height: z.int() });
  assert.deepEqual(decodeStoredJson(field, 'It', '{"height":1}'), { height: 1 });
  for (const text of ['', '{"height":1', '{"height":"1"}', 'null', '\u0000'])
    assert.throws(() => decodeStoredJson(field, 'It', text), isDamage, text);
});

test('so are the record of the blocks read, and that of a spend', async () => {
  const storeWith = (kind: string, id: string, value: string) => memoryStore(new Map([[kind, new Map([[id, { version: 1, value }]])]]));
  const locator = `{"trail":[{"height":7,"hash":"${'ab'.repeat(32)}"}],"peak":7}`;
  assert.equal((await lastRead(storeWith('follow', 'trail', locator)))?.height, 7);
  await assert.rejects(lastRead(storeWith('follow', 'trail', locator.slice(0, -1))), isDamage);
  await assert.rejects(new SpendIndex(storeWith('spend', 'x', '{"height":'), new WatchList()).load(), isDamage);
});
