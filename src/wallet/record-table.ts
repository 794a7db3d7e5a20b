import type { Store, Write } from '../engine/ports.ts';
import type { Codec } from './record-codec.ts';

/** All records of one kind, as loaded and as changed since. */
export interface RecordTable<T> {
  readonly get: (id: string) => T | undefined;
  readonly all: () => readonly T[];
  readonly set: (id: string, value: T) => void;
  readonly remove: (id: string) => void;
  /** The writes that store the changes; each one requires the version that was loaded. */
  readonly writes: () => readonly Write[];
}

export async function loadRecordTable<T>(store: Store, kind: string, codec: Codec<T>): Promise<RecordTable<T>> {
  const versions = new Map<string, number>();
  const values = new Map<string, T>();
  for await (const { id, version, value } of store.list(kind)) {
    versions.set(id, version);
    values.set(id, codec.decode(value));
  }
  const changed = new Set<string>();
  return {
    get: (id) => values.get(id),
    all: () => [...values.values()],
    set: (id, value) => {
      values.set(id, value);
      changed.add(id);
    },
    remove: (id) => {
      values.delete(id);
      changed.add(id);
    },
    writes: () =>
      [...changed].flatMap((id) => {
        const value = values.get(id);
        const expected = versions.get(id) ?? 0;
        // A record that was added and removed again needs no write.
        if (value === undefined && expected === 0) return [];
        return [{ kind, id, expected, value: value === undefined ? undefined : codec.encode(value) }];
      }),
  };
}
