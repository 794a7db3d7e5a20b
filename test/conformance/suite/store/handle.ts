import assert from 'node:assert/strict';
import { WorldError } from '../../../../src/engine/ports.ts';
import { type Case, drop, ids, put } from './case.ts';

/** What several handles on one place see, one after the other and at once. */
export const handleCases: readonly Case[] = [
  [
    'what was committed is there when the store is opened again',
    async (open) => {
      const first = await open();
      await first.commit([put('a', 0, '1'), put('b', 0, '1')]);
      await first.commit([put('a', 1, '2'), drop('b', 1)]);
      await first.close();
      const second = await open();
      assert.deepEqual({ ...(await second.get('note', 'a')) }, { version: 2, value: '2' });
      assert.deepEqual(await ids(second, 'note'), ['a']);
    },
  ],
  [
    'two handles on one place see each other, and only one of them wins a version',
    async (open) => {
      const [left, right] = [await open(), await open()];
      for (let version = 0; version < 20; version++) {
        const results = await Promise.all([left.commit([put('a', version, 'left')]), right.commit([put('a', version, 'right')])]);
        assert.equal(results.filter(Boolean).length, 1);
        const winner = results[0] ? 'left' : 'right';
        for (const store of [left, right]) assert.deepEqual({ ...(await store.get('note', 'a')) }, { version: version + 1, value: winner });
      }
    },
  ],
  [
    'closing waits for what was handed in; after that everything throws store-closed',
    async (open) => {
      const store = await open();
      const last = store.commit([put('a', 0, '1')]);
      await store.close();
      assert.equal(await last, true);
      const closed = (error: unknown): boolean => error instanceof WorldError && error.code === 'store-closed' && error.hint !== '';
      await assert.rejects(store.get('note', 'a'), closed);
      await assert.rejects(store.commit([put('b', 0, '1')]), closed);
      await assert.rejects(ids(store, 'note'), closed);
      await store.close();
      assert.equal((await (await open()).get('note', 'a'))?.value, '1');
    },
  ],
];
