import type { Timers } from '../engine/ports.ts';

/** Above this, about 25 days, the system would call at once. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

export const systemTimers: Timers = {
  after: (milliseconds, run) => {
    const timer = setTimeout(run, Math.min(milliseconds, MOST_MILLISECONDS));
    return () => clearTimeout(timer);
  },
};
