import assert from 'node:assert/strict';
import { test } from 'node:test';
import { after, height, isHeight, LOCK_TIME_THRESHOLD } from './height.ts';

test('heights are whole numbers below the lock times', () => {
  for (const value of [0, 1, 499_999_999]) assert.equal(height(value), value);
  for (const value of [-1, 0.5, LOCK_TIME_THRESHOLD, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.ok(!isHeight(value), String(value));
    assert.throws(() => height(value), RangeError);
  }
});

test('steps along the chain stop at the genesis block and are a bug beyond the last height', () => {
  assert.equal(after(height(10), 5), 15);
  assert.equal(after(height(10), -10), 0);
  assert.equal(after(height(10), -11), 0);
  assert.equal(after(height(499_999_998), 1), 499_999_999);
  assert.throws(() => after(height(499_999_999), 1), RangeError);
});
