import assert from 'node:assert/strict';
import { type Case, drop, ids, put } from './case.ts';

/** What is listed, in which order, and while records are written. */
export const listCases: readonly Case[] = [
  [
    'lists one kind by id, in the byte order of UTF-8',
    async (open) => {
      const store = await open();
      const ordered = ['!', 'A', 'Z', 'a', 'a1', 'a10', 'a2', 'ab', 'ä', 'ж', '\ue000', '\uffff', '\u{10000}', '\u{1f415}'];
      await store.commit(ordered.toReversed().map((id) => put(id, 0, id)));
      await store.commit([put('b', 0, 'elsewhere', 'other')]);
      assert.deepEqual(await ids(store, 'note'), ordered);
    },
  ],
  [
    'a list goes on in order while records are written, and holds every record that stayed',
    async (open) => {
      const store = await open();
      const name = (i: number): string => `r${String(i).padStart(4, '0')}`;
      await store.commit(Array.from({ length: 1000 }, (_, i) => put(name(i), 0, 'first')));
      const seen: string[] = [];
      for await (const { id } of store.list('note')) {
        seen.push(id);
        const i = seen.length;
        if (i % 100 !== 0 || i > 900) continue;
        assert.equal(await store.commit([put(name(999 - i), 1, 'again'), drop(name(i - 50), 1), put(`${name(i)}+`, 0, 'new')]), true);
      }
      for (const [i, id] of seen.entries()) assert(i === 0 || (seen[i - 1] ?? '') < id, `${id} in order, once`);
      assert.equal(seen.filter((id) => !id.endsWith('+')).length, 1000);
    },
  ],
  [
    'a list left early holds nothing up',
    async (open) => {
      const store = await open();
      await store.commit([put('a', 0, '1'), put('b', 0, '2')]);
      for await (const { id, version, value } of store.list('note')) {
        assert.deepEqual([id, version, value], ['a', 1, '1']);
        break;
      }
      assert.equal(await store.commit([drop('a', 1)]), true);
    },
  ],
];
