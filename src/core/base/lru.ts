/** Values by key; the least recently used ones may be forgotten. */
export interface LruCache<Key, Value> {
  readonly get: (key: Key) => Value | undefined;
  readonly set: (key: Key, value: Value) => void;
  readonly delete: (key: Key) => void;
}

/**
 * Keeps at least the last `most / 2` different values that were used, and at most `most`. It has two generations and drops the older one whole:
 * finding the oldest key of one `Map` takes longer the more was deleted from it.
 */
export function lruCache<Key, Value>(most: number): LruCache<Key, Value> {
  let young = new Map<Key, Value>();
  let old = new Map<Key, Value>();

  const set = (key: Key, value: Value): void => {
    if (young.size >= most / 2 && !young.has(key)) [young, old] = [new Map(), young];
    young.set(key, value);
  };
  return {
    get: (key) => {
      const fresh = young.get(key);
      if (fresh !== undefined) return fresh;
      const found = old.get(key);
      if (found !== undefined) set(key, found);
      return found;
    },
    set,
    delete: (key) => {
      young.delete(key);
      old.delete(key);
    },
  };
}
