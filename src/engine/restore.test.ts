import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memoryStore } from '../store/memory.ts';
import { lastRead } from './cursor.ts';
import { WorldError } from './ports.ts';
import { restoredJson } from './restore.ts';
import { Sightings } from './sightings.ts';
import { WatchList } from './watch-list.ts';

const isDamage = (error: unknown): boolean => error instanceof WorldError && error.code === 'store-damaged';

test('a record that is cut short, not JSON or of another shape is damaged, not a fault of ours', () => {
  const field = z.strictObject({ height: z.int() });
  assert.deepEqual(restoredJson(field, 'It', '{"height":1}'), { height: 1 });
  for (const text of ['', '{"height":1', '{"height":"1"}', 'null', '\u0000'])
    assert.throws(() => restoredJson(field, 'It', text), isDamage, text);
});

test('so are the record of the blocks read, and that of a spend', async () => {
  const storeWith = (kind: string, id: string, value: string) => memoryStore(new Map([[kind, new Map([[id, { version: 1, value }]])]]));
  const trail = `{"trail":[{"height":7,"hash":"${'ab'.repeat(32)}"}],"peak":7}`;
  assert.equal((await lastRead(storeWith('follow', 'trail', trail)))?.height, 7);
  await assert.rejects(lastRead(storeWith('follow', 'trail', trail.slice(0, -1))), isDamage);
  await assert.rejects(new Sightings(storeWith('spend', 'x', '{"height":'), new WatchList()).load(), isDamage);
});
