import type { Timers } from '../engine/ports.ts';

/** Longer than this, about 25 days, and the system would call at once. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

export const systemTimers: Timers = {
  after: (milliseconds, run) => {
    const timer = setTimeout(run, Math.min(milliseconds, MOST_MILLISECONDS));
    return () => clearTimeout(timer);
  },
};
