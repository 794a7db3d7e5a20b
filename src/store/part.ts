import type { Store } from '../engine/ports.ts';

/** A part of a store for another role of the same owner: kinds of records have the part's name before them, so neither role meets the other's. */
export function storePart(store: Store, name: string): Store {
  const kindOf = (kind: string): string => `${name}/${kind}`;
  return {
    get: (kind, id) => store.get(kindOf(kind), id),
    list: (kind) => store.list(kindOf(kind)),
    commit: (writes) => store.commit(writes.map((write) => ({ ...write, kind: kindOf(write.kind) }))),
    close: () => store.close(),
  };
}
