import { setTimeout as pause } from 'node:timers/promises';
import { WorldError } from '../engine/ports.ts';

/** Resolves on the first SIGINT or SIGTERM. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

/** Asks again and again until there is an answer. Between two askings `interval` milliseconds pass. */
export async function until<T>(ask: () => Promise<T | undefined>, interval: number): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await pause(interval);
  }
}

/** Repeats work until stopped. A failing world is reported and tried again; anything else ends it. */
export async function repeat(
  work: () => Promise<void>,
  interval: number,
  signal: AbortSignal,
  onTrouble: (error: WorldError) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
      onTrouble(error);
    }
    await pause(interval, undefined, { signal }).catch(() => undefined);
  }
}
