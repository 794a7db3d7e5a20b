import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrencyLimit } from './concurrency-limit.ts';

test('so many run, so many wait in order, the rest are turned away; a work that fails gives its place up too', async () => {
  const pass = concurrencyLimit(2, 2);
  const log: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const work = (name: string) => () =>
    new Promise<string>((resolve, reject) => {
      log.push(name);
      ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error)));
    });
  const results = ['a', 'b', 'c', 'd', 'e'].map((name) => pass(work(name)));
  assert.equal(await results[4], undefined);
  assert.deepEqual(log, ['a', 'b']);
  ends.get('a')?.(new Error('failed'));
  await assert.rejects(results[0] ?? assert.fail(), /failed/);
  assert.deepEqual(log, ['a', 'b', 'c']);
  ends.get('b')?.();
  assert.equal(await results[1], 'b');
  assert.deepEqual(log, ['a', 'b', 'c', 'd']);
  for (const name of ['c', 'd']) ends.get(name)?.();
  assert.deepEqual(await Promise.all(results.slice(2, 4)), ['c', 'd']);
  const again = ['f', 'g', 'h', 'i', 'j'].map((name) => pass(work(name)));
  assert.equal(await again[4], undefined);
  for (const name of ['f', 'g']) ends.get(name)?.();
  await Promise.all(again.slice(0, 2));
  for (const name of ['h', 'i']) ends.get(name)?.();
  assert.deepEqual(await Promise.all(again.slice(2, 4)), ['h', 'i']);
});
