import assert from 'node:assert/strict';
import { type Case, drop, ids, put } from './case.ts';

/** Which commits go through, whole or not at all. */
export const conflictCases: readonly Case[] = [
  [
    'refuses a write whose record has moved on, and takes it at the right version',
    async (open) => {
      const store = await open();
      await store.commit([put('a', 0, '1')]);
      for (const expected of [0, 2, 3]) assert.equal(await store.commit([put('a', expected, 'x')]), false, `expected ${expected}`);
      for (const expected of [0, 2]) assert.equal(await store.commit([drop('a', expected)]), false, `delete at ${expected}`);
      assert.equal(await store.commit([put('b', 1, 'x')]), false, 'an absent record is at 0');
      assert.deepEqual({ ...(await store.get('note', 'a')) }, { version: 1, value: '1' });
      assert.equal(await store.commit([put('a', 1, '2')]), true);
    },
  ],
  [
    'one stale write in a commit of three leaves all three as they were; the same three at the right versions go through',
    async (open) => {
      const store = await open();
      await store.commit([put('a', 0, 'a1'), put('b', 0, 'b1'), put('c', 0, 'c1')]);
      for (const stale of [0, 1, 2]) {
        const writes = ['a', 'b', 'c'].map((id, i) => put(id, i === stale ? 7 : 1, `${id}2`));
        assert.equal(await store.commit(writes), false);
        for (const id of ['a', 'b', 'c']) assert.deepEqual({ ...(await store.get('note', id)) }, { version: 1, value: `${id}1` });
      }
      assert.equal(await store.commit([put('a', 1, 'a2'), drop('b', 1), put('c', 1, 'c2'), put('d', 0, 'd1')]), true);
      assert.deepEqual(await ids(store, 'note'), ['a', 'c', 'd']);
    },
  ],
  [
    'an expected absence takes part: deleting what is not there succeeds only while it is not there',
    async (open) => {
      const store = await open();
      assert.equal(await store.commit([drop('lock', 0), put('a', 0, '1')]), true);
      await store.commit([put('lock', 0, 'held')]);
      assert.equal(await store.commit([drop('lock', 0), put('a', 1, '2')]), false);
      assert.equal((await store.get('note', 'a'))?.value, '1');
    },
  ],
  [
    'of 64 commits at once on one record exactly one wins each version',
    async (open) => {
      const store = await open();
      for (let version = 0; version < 8; version++) {
        const results = await Promise.all(Array.from({ length: 64 }, (_, i) => store.commit([put('a', version, `${version}:${i}`)])));
        assert.equal(results.filter(Boolean).length, 1);
        assert.deepEqual({ ...(await store.get('note', 'a')) }, { version: version + 1, value: `${version}:${results.indexOf(true)}` });
      }
    },
  ],
  [
    'commits at once on different records do not disturb each other, also when some are stale',
    async (open) => {
      const store = await open();
      const results = await Promise.all(Array.from({ length: 64 }, (_, i) => store.commit([put(`r${i}`, i % 3 === 0 ? 1 : 0, `${i}`)])));
      assert.deepEqual(
        results,
        results.map((_, i) => i % 3 !== 0),
      );
      for (const [i, won] of results.entries()) assert.equal((await store.get('note', `r${i}`))?.value, won ? `${i}` : undefined);
    },
  ],
  [
    'a commit that names a record twice, or no record, is a bug; the same writes one by one are not',
    async (open) => {
      const store = await open();
      for (const writes of [
        [put('a', 0, '1'), put('a', 1, '2')],
        [put('', 0, '1')],
        [put('a', -1, '1')],
        [put('a\0', 0, '1')],
        [put('a', 0, '\ud800')],
      ]) {
        await assert.rejects(store.commit(writes), TypeError);
      }
      assert.equal(await store.get('note', 'a'), undefined);
      assert.equal((await store.commit([put('a', 0, '1')])) && (await store.commit([put('a', 1, '2')])), true);
    },
  ],
];
