import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Store, StoredRecord, Write } from '../../../../src/engine/ports.ts';

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

/** Commits handed in together, against a map: the same ones win, and the same records are listed. */
export async function likeAModel(open: () => Promise<Store>): Promise<void> {
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
