/** Runs work on one key in the order it arrived, and work on different keys at the same time. */
export function keyedMutex<Key>(): <T>(key: Key, work: () => Promise<T>) => Promise<T> {
  const tails = new Map<Key, Promise<unknown>>();
  return (key, work) => {
    const before = tails.get(key);
    const result = before === undefined ? work() : before.then(work, work);
    tails.set(key, result);
    const release = (): void => {
      if (tails.get(key) === result) tails.delete(key);
    };
    result.then(release, release);
    return result;
  };
}
