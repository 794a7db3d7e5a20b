import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidArgumentError } from 'commander';
import { depthField, heightField } from '../../core/message/fields.ts';
import { blockCount, wholeNumber } from './number.ts';

test('a whole number is plain digits within its bounds', () => {
  const read = wholeNumber(1, 20);
  assert.deepEqual(['1', '07', '20'].map(read), [1, 7, 20]);
  for (const text of ['', '0', '21', '-1', '+1', '1.0', '1e1', ' 1', '0x1', '٣', '１', '9007199254740993'])
    assert.throws(() => read(text), InvalidArgumentError, text);
});

test('every count of blocks that is taken fits into an offer, and behind a height', () => {
  const most = blockCount()('10000000');
  assert.ok(depthField.safeParse([{ upTo: '1', blocks: most }]).success);
  assert.ok(heightField.safeParse(400_000_000 + most).success);
  for (const text of ['0', '10000001', '499999999']) assert.throws(() => blockCount()(text), InvalidArgumentError, text);
});
