/** Lets so many works run at a time and so many wait for their turn; undefined for those that find no place. */
export function concurrencyLimit(most: number, mostWaiting: number): <T>(work: () => Promise<T>) => Promise<T | undefined> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= most) {
      if (waiting.length >= mostWaiting) return undefined;
      // Whoever ends hands its place on, so none is free in between.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
