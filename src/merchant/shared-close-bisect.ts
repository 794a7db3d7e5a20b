/** If more members than this spoil a batch, they are better sent one by one. */
const MOST_SPOILERS = 8;

/**
 * Sends a batch that is accepted as a whole or not at all, without the members that spoil it, and returns those that were not accepted. Members that
 * `look` finds spoiled are left out at once; others are found by bisection: `k` of `n` take at most `1 + k * (1 + log2 n)` tries.
 */
export async function bisectSpoilers<T>(
  all: readonly T[],
  look: (some: readonly T[]) => Promise<readonly T[]>,
  send: (some: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  const taken = new Set<T>();
  const isTaken = async (some: readonly T[]): Promise<boolean> => {
    const answer = await send(some);
    if (answer) for (const one of some) taken.add(one);
    return answer;
  };
  let rest = await look(all);
  for (let spoiled = 0; spoiled <= MOST_SPOILERS && rest.length > 0 && !(await isTaken(rest)); ) {
    const fit = await look(rest);
    if (fit.length === rest.length) spoiled++;
    rest = fit.length < rest.length ? fit : await narrowDown(rest, isTaken);
  }
  return all.filter((one) => !taken.has(one));
}

/** Reduces a refused batch to one spoiler and sends the good halves on the way. Returns what is still to be tried. */
async function narrowDown<T>(refused: readonly T[], isTaken: (some: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let suspects = refused;
  let untried: readonly T[] = [];
  while (suspects.length > 1) {
    const half = suspects.slice(0, Math.ceil(suspects.length / 2));
    const other = suspects.slice(half.length);
    if (await isTaken(half)) suspects = other;
    else {
      suspects = half;
      untried = [...other, ...untried];
    }
  }
  return untried;
}
