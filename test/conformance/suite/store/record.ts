import assert from 'node:assert/strict';
import { type Case, drop, ids, put } from './case.ts';

/** What is read of what was written. */
export const recordCases: readonly Case[] = [
  [
    'a new store has no records',
    async (open) => {
      const store = await open();
      assert.equal(await store.get('note', 'a'), undefined);
      assert.deepEqual(await ids(store, 'note'), []);
    },
  ],
  [
    'gives back what was committed, and counts its versions from 1',
    async (open) => {
      const store = await open();
      assert.equal(await store.commit([put('a', 0, '{"n":1}')]), true);
      assert.deepEqual({ ...(await store.get('note', 'a')) }, { version: 1, value: '{"n":1}' });
      assert.equal(await store.commit([put('a', 1, '{"n":2}')]), true);
      assert.deepEqual({ ...(await store.get('note', 'a')) }, { version: 2, value: '{"n":2}' });
    },
  ],
  [
    'the same id in two kinds is two records',
    async (open) => {
      const store = await open();
      assert.equal(await store.commit([put('a', 0, '1', 'left'), put('a', 0, '2', 'right')]), true);
      assert.equal((await store.get('left', 'a'))?.value, '1');
      assert.equal((await store.get('right', 'a'))?.value, '2');
      assert.deepEqual(await ids(store, 'left'), ['a']);
    },
  ],
  [
    'a deleted record is gone, and can be written anew',
    async (open) => {
      const store = await open();
      await store.commit([put('a', 0, '1')]);
      assert.equal(await store.commit([drop('a', 1)]), true);
      assert.equal(await store.get('note', 'a'), undefined);
      assert.equal(await store.commit([put('a', 0, '2')]), true);
      assert.deepEqual({ ...(await store.get('note', 'a')) }, { version: 1, value: '2' });
    },
  ],
  [
    'keeps any text: quotes, astral planes, right-to-left, a megabyte',
    async (open) => {
      const store = await open();
      const values = ['', '"\'`;--', 'ð\u{1f415}\u{10ffff}\ue000\uffff', 'שלום‏', '\u0001\r\n\t\u007f\ufeff', 'Ð'.repeat(1_000_000)];
      for (const [i, value] of values.entries()) await store.commit([put(`ключ \u{1f511} ${i}`, 0, value)]);
      for (const [i, value] of values.entries()) assert.equal((await store.get('note', `ключ \u{1f511} ${i}`))?.value, value);
    },
  ],
];
