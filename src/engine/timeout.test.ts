import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { withTimeout } from './timeout.ts';

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

test('work that takes too long is aborted with a TimeoutError', async () => {
  await assert.rejects(withTimeout(5, untilAborted), { name: 'TimeoutError', message: 'not done within 5 ms' });
});

test('work that is done in time is what it is, a failure too, and is not aborted later', async () => {
  let seen: AbortSignal | undefined;
  const done = withTimeout(5, async (signal) => {
    seen = signal;
    return 'done';
  });
  assert.equal(await done, 'done');
  await assert.rejects(
    withTimeout(5, async () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  await pause(20);
  assert.equal(seen?.aborted, false);
});

test('no timer is left when the work is done, and none fires at once for being too long', async () => {
  const clear = mock.method(globalThis, 'clearTimeout');
  await withTimeout(2 ** 40, () => pause(5));
  assert.equal(clear.mock.callCount(), 1);
  clear.mock.restore();
  await withTimeout(2 ** 40, async (signal) => {
    await pause(5);
    assert.equal(signal.aborted, false);
  });
});
