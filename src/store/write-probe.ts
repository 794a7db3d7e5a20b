import type { Store, StoredRecord } from '../engine/ports.ts';

/** A store of which is known whether it keeps what it is given. */
export interface ProbedStore extends Store {
  /** What the last commit failed with; undefined when it came through. */
  readonly trouble: () => Error | undefined;
  /** Writes something, so that trouble shows before a payer meets it, and is known to be over. @throws WorldError as a commit does. */
  readonly probe: () => Promise<void>;
}

const PROBE = { kind: 'shop', id: 'probe' } as const;

export function probed(store: Store): ProbedStore {
  let trouble: Error | undefined;
  let before: StoredRecord | undefined;
  const commit: Store['commit'] = async (writes) => {
    try {
      const isCommitted = await store.commit(writes);
      trouble = undefined;
      return isCommitted;
    } catch (error) {
      trouble = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  };
  return {
    get: (kind, id) => store.get(kind, id),
    list: (kind) => store.list(kind),
    close: () => store.close(),
    commit,
    trouble: () => trouble,
    probe: async () => {
      before ??= await store.get(PROBE.kind, PROBE.id);
      const expected = before?.version ?? 0;
      before = undefined;
      if (await commit([{ ...PROBE, expected, value: '{}' }])) before = { version: expected + 1, value: '{}' };
    },
  };
}
