import type { Clock } from './ports.ts';

/** Work that repeats for as long as a shop is open. */
export interface Job {
  readonly name: string;
  /** Milliseconds from the end of one run to the start of the next. */
  readonly interval: number;
  /** Milliseconds without success after which the job counts as dead. */
  readonly overdue: number;
  readonly run: () => Promise<void>;
}

/** How a job is doing: the number that a dead man's switch needs. */
export interface JobReport {
  readonly name: string;
  /** It succeeded within its `overdue`. A job that has not run yet has that long for its first success. */
  readonly isAlive: boolean;
  /** Unix time in milliseconds. */
  readonly lastSuccess?: number;
  /** Since the last success. */
  readonly failures: number;
  readonly lastError?: Error;
}

export interface Jobs {
  /** Runs every job separately until `signal` is aborted. An exception or a slow run of one does not stop it or the others. */
  readonly work: (signal: AbortSignal) => Promise<void>;
  readonly reports: () => readonly JobReport[];
}

export interface JobOptions {
  readonly clock: Clock;
  /** Resolves after so many milliseconds, or at once when the signal is aborted. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Called for every failure. */
  readonly onTrouble: (job: string, error: Error) => void;
}

interface Record {
  readonly since: number;
  readonly failures: number;
  readonly lastSuccess?: number;
  readonly lastError?: Error;
}

export function keepJobs(jobs: readonly Job[], { clock, pause, onTrouble }: JobOptions): Jobs {
  const start = clock.now();
  const records = new Map<string, Record>(jobs.map(({ name }) => [name, { since: start, failures: 0 }]));

  const runOnce = async ({ name, run }: Job): Promise<void> => {
    const { since, failures, ...before } = records.get(name) ?? { since: start, failures: 0 };
    try {
      await run();
      records.set(name, { since, failures: 0, lastSuccess: clock.now() });
    } catch (thrown) {
      const lastError = thrown instanceof Error ? thrown : new Error(String(thrown));
      records.set(name, { ...before, since, failures: failures + 1, lastError });
      onTrouble(name, lastError);
    }
  };
  const repeat = async (job: Job, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await runOnce(job);
      await pause(job.interval, signal);
    }
  };
  return {
    work: async (signal) => {
      await Promise.all(jobs.map((job) => repeat(job, signal)));
    },
    reports: () =>
      jobs.map(({ name, overdue }) => {
        const { since, ...record } = records.get(name) ?? { since: start, failures: 0 };
        return { name, isAlive: clock.now() - (record.lastSuccess ?? since) <= overdue, ...record };
      }),
  };
}
