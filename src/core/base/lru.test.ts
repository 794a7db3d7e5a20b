import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lruCache } from './lru.ts';

test('what was used last is kept, what was not is forgotten in the end, and what was deleted is gone at once', () => {
  const cache = lruCache<number, string>(8);
  for (let key = 0; key < 100; key++) {
    cache.set(key, `value ${key}`);
    assert.equal(cache.get(0), 'value 0');
  }
  for (const key of [0, 97, 98, 99]) assert.equal(cache.get(key), `value ${key}`);
  assert.equal(cache.get(50), undefined);
  cache.delete(99);
  assert.equal(cache.get(99), undefined);
  assert.equal(cache.get(98), 'value 98');
});

test('never more than it may hold', () => {
  const cache = lruCache<number, number>(8);
  for (let key = 0; key < 1_000; key++) cache.set(key, key);
  const kept = Array.from({ length: 1_000 }, (_, key) => key).filter((key) => cache.get(key) !== undefined);
  assert.ok(kept.length <= 8 && kept.length >= 4, `${kept.length} kept`);
});

test('a value that was set again is the one that is found, in whichever generation the first one was', () => {
  const cache = lruCache<string, number>(4);
  cache.set('a', 1);
  for (const key of ['b', 'c']) cache.set(key, 0);
  cache.set('a', 2);
  assert.equal(cache.get('a'), 2);
  for (const key of ['d', 'e']) cache.set(key, 0);
  assert.notEqual(cache.get('a'), 1);
  cache.delete('a');
  assert.equal(cache.get('a'), undefined);
});
