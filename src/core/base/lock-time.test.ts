import assert from 'node:assert/strict';
import { test } from 'node:test';
import { after, height, isTime, lockTime } from './height.ts';
import { blocksOn, certain, expectedHeight, possible } from './lock-time.ts';

const NOON = 1_700_000_000;
const at = { tip: height(1_000), medianTime: NOON - 360, now: NOON * 1000 };

test('heights and times part at 500,000,000, and neither becomes the other', () => {
  assert.deepEqual([499_999_999, 500_000_000, 0xffff_ffff, 0x1_0000_0000, 1.5].map(isTime), [false, true, true, false, false]);
  for (const value of [-1, 0x1_0000_0000, Number.NaN]) assert.throws(() => lockTime(value), RangeError);
  assert.deepEqual([after(lockTime(499_999_999), -500_000_000), after(lockTime(NOON), -NOON)], [0, 500_000_000]);
  assert.equal(after(lockTime(0xffff_ffff), 1), 0xffff_ffff);
  assert.throws(() => after(lockTime(499_999_999), 1), RangeError);
});

test('a height has come with its block, for everybody', () => {
  assert.deepEqual([certain(height(1), at), possible(height(1), at)], [1_000, 1_000]);
});

test('a time has come for certain when the median of the last blocks has passed it, and may have come when the clock has', () => {
  assert.deepEqual([certain(lockTime(NOON), at), possible(lockTime(NOON), at)], [NOON - 361, NOON]);
  assert.equal(possible(lockTime(NOON), { ...at, now: (NOON - 9_999) * 1000 }), NOON - 360, 'a clock that is behind the chain');
  assert.equal(certain(lockTime(NOON), { ...at, medianTime: 0 }), 500_000_000, 'a chain without times');
});

test('a time is expected so many blocks from now', () => {
  assert.deepEqual([expectedHeight(height(7), at, 60), expectedHeight(lockTime(NOON + 61), at, 60)], [7, 1_002]);
  assert.deepEqual([blocksOn('height', 60, 150), blocksOn('time', 60, 150)], [60, 9_000]);
});
