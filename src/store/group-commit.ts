import type { Write } from '../engine/ports.ts';

interface Pending {
  readonly writes: readonly Write[];
  readonly settle: (committed: boolean) => void;
  readonly fail: (error: unknown) => void;
}

/** Commits waiting to go to disk together. */
export interface CommitGroup {
  readonly commit: (writes: readonly Write[]) => Promise<boolean>;
  /** Resolves when everything handed in so far is settled. */
  readonly drain: () => Promise<void>;
}

/**
 * Group commit: what arrives in one turn of the event loop, or while the group before is under way, shares one `run` and so one sync.
 * `run` answers for each commit whether its records were as expected; when it throws, the whole group fails.
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
