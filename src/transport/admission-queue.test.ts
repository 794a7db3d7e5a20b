import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { admissionQueue } from './admission-queue.ts';

test('so many enter at each turn of the event loop, in the order of their coming', async () => {
  const enter = admissionQueue(2, 10);
  const order: number[] = [];
  for (let i = 0; i < 7; i++) void enter().then((isIn) => isIn && order.push(i));
  const seen: number[] = [];
  for (let i = 0; i < 5; i++) {
    await Promise.resolve();
    await turn();
    seen.push(order.length);
  }
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6]);
  for (const [i, count] of seen.entries()) assert.ok(count <= 2 * (i + 2), `${count} after ${i + 1} turns`);
});

test('what does not queue comes between those that do', async () => {
  const enter = admissionQueue(1, 100);
  const order: string[] = [];
  const all = Array.from({ length: 20 }, () => enter().then(() => order.push('queued')));
  await turn();
  order.push('other');
  await Promise.all(all);
  assert.equal(order.length, 21);
  assert.ok(order.indexOf('other') < 5, order.join());
});

test('one too many is told at once; there is room again when the others are in', async () => {
  const enter = admissionQueue(2, 3);
  const entered = Array.from({ length: 7 }, () => enter());
  assert.deepEqual(await Promise.all(entered), [true, true, true, true, true, false, false]);
  assert.equal(await enter(), true);
});

test('nobody waits where nobody is before', async () => {
  const enter = admissionQueue(1, 0);
  for (let i = 0; i < 3; i++) {
    assert.equal(await enter(), true);
    assert.equal(await enter(), false);
    await turn();
    await turn();
  }
});
