import type { Store, StoredRecord } from '../engine/ports.ts';

/** A store that knows whether it can write. */
export interface ProbedStore extends Store {
  /** Why the last commit failed; undefined when it succeeded. */
  readonly trouble: () => Error | undefined;
  /** Writes something, so that a failure, or its end, is noticed before a payer meets it. @throws WorldError as a commit does. */
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
