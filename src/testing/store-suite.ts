import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Store, type StoredRecord, WorldError, type Write } from '../engine/ports.ts';
import type { Register } from './register.ts';

/** Somewhere a store keeps its records. */
export interface StorePlace {
  /** A new handle on the same records. */
  readonly open: () => Promise<Store>;
  /** Called once at the end, with every handle closed. */
  readonly remove: () => Promise<void>;
}

/** What every `Store` must do. `make` gives an empty place for each test. */
export function storeSuite(register: Register, make: () => Promise<StorePlace>): void {
  const withPlace = (name: string, run: (open: () => Promise<Store>) => Promise<void>): void => {
    register(name, async () => {
      const place = await make();
      const handles: Store[] = [];
      const open = async (): Promise<Store> => {
        const store = await place.open();
        handles.push(store);
        return store;
      };
      try {
        await run(open);
      } finally {
        for (const store of handles) await store.close();
        await place.remove();
      }
    });
  };
  for (const [name, run] of [...records, ...conflicts, ...lists, ...handles]) withPlace(name, run);
  withPlace('does what a plain map would do, whatever is asked of it', likeAModel);
}

type Case = readonly [name: string, run: (open: () => Promise<Store>) => Promise<void>];

const put = (id: string, expected: number, value: string, kind = 'note'): Write => ({ kind, id, expected, value });
const drop = (id: string, expected: number, kind = 'note'): Write => ({ kind, id, expected, value: undefined });

async function ids(store: Store, kind: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of store.list(kind)) found.push(id);
  return found;
}

const records: readonly Case[] = [
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

const conflicts: readonly Case[] = [
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

const lists: readonly Case[] = [
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

const handles: readonly Case[] = [
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

const anyText = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''));
const anyWrite: fc.Arbitrary<Write> = fc.record({
  kind: fc.constantFrom('x', 'y'),
  id: fc.constantFrom('a', 'b', 'c', 'ð', '\u{1f415}'),
  expected: fc.integer({ min: 0, max: 4 }),
  value: fc.option(anyText, { nil: undefined }),
});
const anyCommit = fc.uniqueArray(anyWrite, { selector: ({ kind, id }) => `${kind} ${id}`, minLength: 1, maxLength: 4 });
/** Commits handed in together; a store may take them in any grouping but in this order. */
const anyTurns = fc.array(fc.array(anyCommit, { minLength: 1, maxLength: 4 }), { maxLength: 12 });

async function likeAModel(open: () => Promise<Store>): Promise<void> {
  const store = await open();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(anyTurns, async (turns) => {
      // Each run has kinds of its own, so one place serves them all.
      const prefix = `${run++}-`;
      const model = new Map<string, StoredRecord & { readonly kind: string; readonly id: string }>();
      for (const turn of turns) {
        const commits = turn.map((writes) => writes.map((write) => ({ ...write, kind: prefix + write.kind })));
        assert.deepEqual(
          await Promise.all(commits.map((writes) => store.commit(writes))),
          commits.map((writes) => commitToModel(model, writes)),
        );
      }
      for (const kind of [`${prefix}x`, `${prefix}y`]) {
        const listed: unknown[] = [];
        for await (const record of store.list(kind)) listed.push({ ...record });
        const expected = ['a', 'b', 'c', 'ð', '\u{1f415}'].flatMap((id) => model.get(`${kind} ${id}`) ?? []);
        assert.deepEqual(
          listed,
          expected.map(({ id, version, value }) => ({ id, version, value })),
        );
      }
    }),
    { numRuns: 60 },
  );
}

function commitToModel(model: Map<string, StoredRecord & { kind: string; id: string }>, writes: readonly Write[]): boolean {
  if (writes.some(({ kind, id, expected }) => (model.get(`${kind} ${id}`)?.version ?? 0) !== expected)) return false;
  for (const { kind, id, expected, value } of writes) {
    if (value === undefined) model.delete(`${kind} ${id}`);
    else model.set(`${kind} ${id}`, { kind, id, version: expected + 1, value });
  }
  return true;
}
