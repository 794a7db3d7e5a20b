import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ReadAhead } from './read-ahead.ts';

/** Gives numbers from 0 as fast as they are asked for, and counts how many were. */
function endless(): { readonly source: AsyncIterable<number>; readonly asked: () => number } {
  let asked = 0;
  const source = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false as const, value: asked++ }) }) };
  return { source, asked: () => asked };
}

async function* given(items: readonly number[], fault?: Error): AsyncGenerator<number> {
  yield* items;
  if (fault !== undefined) throw fault;
}

async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('reading ahead', () => {
  test('gives everything, once and in order, whoever is slow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean()), async (items, most, pauses) => {
        const readAhead = new ReadAhead(given(items), most);
        const all: number[] = [];
        for (let i = 0; ; i++) {
          if (pauses[i] === true) await settle();
          const some = await readAhead.next();
          assert.ok(some.length <= most);
          if (some.length === 0) break;
          all.push(...some);
        }
        assert.deepEqual(all, items);
      }),
      { numRuns: 50 },
    );
  });

  test('goes no further than it may: the rest stays at the source', async () => {
    const { source, asked } = endless();
    const readAhead = new ReadAhead(source, 8);
    await settle();
    assert.equal(asked(), 8);
    assert.deepEqual(await readAhead.next(), [0, 1, 2, 3, 4, 5, 6, 7]);
    await settle();
    assert.equal(asked(), 16);
  });

  test('goes by weight where it is told to', async () => {
    const { source, asked } = endless();
    const readAhead = new ReadAhead(source, 10, (item) => item);
    await settle();
    assert.deepEqual(await readAhead.next(), [0, 1, 2, 3, 4]);
    await settle();
    assert.deepEqual(await readAhead.next(), [5, 6]);
    await settle();
    assert.equal(asked(), 9);
  });

  test('what the source throws comes after all that it gave, and again whenever asked', async () => {
    const fault = new Error('cut');
    const readAhead = new ReadAhead(given([1, 2], fault), 8);
    await settle();
    assert.deepEqual(await readAhead.next(), [1, 2]);
    await assert.rejects(readAhead.next(), fault);
    await assert.rejects(readAhead.next(), fault);
  });
});
