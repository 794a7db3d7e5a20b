import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemTimers } from './timers.ts';

test('timers call in their order, and not when they were taken back; a time beyond what the system knows is not now', async () => {
  const called: string[] = [];
  const cancel = systemTimers.after(2 ** 40, () => void called.push('in decades'));
  systemTimers.after(1, () => void called.push('never'))();
  await new Promise<void>((resolve) => {
    systemTimers.after(2, () => {
      called.push('soon');
      resolve();
    });
  });
  cancel();
  assert.deepEqual(called, ['soon']);
});
