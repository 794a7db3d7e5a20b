import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves on the first SIGINT or SIGTERM. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

/** Asks repeatedly until there is an answer, with `interval` milliseconds in between. */
export async function until<T>(ask: () => Promise<T | undefined>, interval: number): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(interval);
  }
}

/** Resolves after so many milliseconds, or at once when the signal is aborted. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}
