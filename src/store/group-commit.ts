import type { Write } from '../engine/ports.ts';

interface Pending {
  readonly writes: readonly Write[];
  readonly settle: (committed: boolean) => void;
  readonly fail: (error: unknown) => void;
}

/** Commits that go to disk together. */
export interface CommitGroup {
  readonly commit: (writes: readonly Write[]) => Promise<boolean>;
  /** Resolves when all commits up to now are finished. */
  readonly drain: () => Promise<void>;
}

/**
 * Group commit: commits that arrive in one turn of the event loop, or while the previous group is running, share one `run` and so one sync. `run`
 * returns for each commit whether its records were at the expected versions; when it throws, the whole group fails.
 */
export function commitGroup(run: (commits: readonly (readonly Write[])[]) => Promise<readonly boolean[]>): CommitGroup {
  let queue: Pending[] = [];
  let work: Promise<void> | undefined;

  const runAll = async (): Promise<void> => {
    while (queue.length > 0) {
      const group = queue;
      queue = [];
      try {
        const results = await run(group.map(({ writes }) => writes));
        for (const [i, { settle }] of group.entries()) settle(results[i] === true);
      } catch (error) {
        for (const { fail } of group) fail(error);
      }
    }
  };
  const drain = (): Promise<void> => {
    work ??= runAll().finally(() => {
      work = undefined;
    });
    return work;
  };

  return {
    commit: (writes) =>
      new Promise((settle, fail) => {
        if (queue.length === 0) setImmediate(drain);
        queue.push({ writes, settle, fail });
      }),
    drain,
  };
}
