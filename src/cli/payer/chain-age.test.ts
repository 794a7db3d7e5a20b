import assert from 'node:assert/strict';
import { test } from 'node:test';
import { height } from '../../core/base/height.ts';
import { locatorFrom } from '../../engine/sync-cursor.ts';
import { memoryStore } from '../../store/memory.ts';
import { ageOf, noteRead } from './chain-age.ts';

test('what a store says is as old as its last reading, by the clock; one of an earlier version says the block alone', async () => {
  const store = memoryStore();
  const at = (now: number) => ({ now: () => now });
  assert.deepEqual(await ageOf(store, at(0)), { facts: {}, lines: ['The chain has not been read yet.'] });
  await store.commit([locatorFrom({ height: height(1_400), hash: 'ab'.repeat(32) })]);
  const old = await ageOf(store, at(0));
  assert.deepEqual(old.facts, { tip: 1_400 });
  assert.match(old.lines.join(), /^As of block 1400, the last one read; /);
  for (const now of [1_000, 5_000]) await noteRead(store, at(now));
  const known = await ageOf(store, at(5_000 + 3_600_000));
  assert.deepEqual(known.facts, { tip: 1_400, readAt: 5_000 });
  assert.match(known.lines.join(), /^As of block 1400, read 60 min ago; to read the chain again: pawment wallet balance$/);
});
