import { type Store, type StoredRecord, WorldError, type Write } from '../engine/ports.ts';
import { checkWrites, compareIds } from './validate-writes.ts';

/** The records of a memory store, by kind and id; they remain when the store is closed. Two stores on one disk see each other's commits. */
export type MemoryDisk = Map<string, Map<string, StoredRecord>>;

/** A store that lasts as long as its disk object: for tests, simulations and payers that store nothing. */
export function memoryStore(disk: MemoryDisk = new Map()): Store {
  let open = true;
  const records = (kind: string): ReadonlyMap<string, StoredRecord> => {
    if (!open) throw new WorldError('store-closed', 'the store is closed', 'Open it again.');
    return disk.get(kind) ?? new Map();
  };
  return {
    get: async (kind, id) => records(kind).get(id),
    list: async function* (kind) {
      for (const id of [...records(kind).keys()].sort(compareIds)) {
        const record = records(kind).get(id);
        if (record !== undefined) yield { id, ...record };
      }
    },
    commit: async (writes) => {
      checkWrites(writes);
      const asExpected = writes.every(({ kind, id, expected }) => (records(kind).get(id)?.version ?? 0) === expected);
      if (asExpected) for (const write of writes) apply(disk, write);
      return asExpected;
    },
    close: async () => {
      open = false;
    },
  };
}

function apply(disk: MemoryDisk, { kind, id, expected, value }: Write): void {
  const records = disk.get(kind) ?? new Map<string, StoredRecord>();
  disk.set(kind, records);
  if (value === undefined) records.delete(id);
  else records.set(id, { version: expected + 1, value });
}
