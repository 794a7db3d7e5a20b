import type { Timers } from '../../src/engine/ports.ts';

export interface ManualTimers extends Timers {
  /** Lets time pass, and calls what comes due, earliest first. */
  readonly advance: (milliseconds: number) => void;
  /** Resolves once something waits that was set to so many milliseconds. */
  readonly isSet: (milliseconds: number) => Promise<void>;
  /** How many wait. */
  readonly count: () => number;
}

interface Waiting {
  readonly length: number;
  readonly due: number;
  readonly run: () => void;
}

/** Timers of a time that passes when a test says so. */
export function manualTimers(): ManualTimers {
  const waiting = new Set<Waiting>();
  const watchers = new Set<() => void>();
  let now = 0;
  const next = (until: number): Waiting | undefined =>
    [...waiting]
      .filter(({ due }) => due <= until)
      .reduce<Waiting | undefined>((a, b) => (a === undefined || b.due < a.due ? b : a), undefined);
  const has = (milliseconds: number): boolean => [...waiting].some(({ length }) => length === milliseconds);
  return {
    after: (milliseconds, run) => {
      const entry = { length: milliseconds, due: now + milliseconds, run };
      waiting.add(entry);
      for (const watch of watchers) watch();
      return () => void waiting.delete(entry);
    },
    advance: (milliseconds) => {
      const until = now + milliseconds;
      for (let entry = next(until); entry !== undefined; entry = next(until)) {
        waiting.delete(entry);
        now = entry.due;
        entry.run();
      }
      now = until;
    },
    isSet: (milliseconds) =>
      new Promise((resolve) => {
        const watch = (): void => {
          if (!has(milliseconds)) return;
          watchers.delete(watch);
          resolve();
        };
        watchers.add(watch);
        watch();
      }),
    count: () => waiting.size,
  };
}
