/**
 * A queue for work without priority. It lets `atOnce` in at each turn of the event loop, so that other work runs in between, however many are
 * waiting. @returns a function that waits for its turn; at once false where `most` are waiting already.
 */
export function admissionQueue(atOnce: number, most: number): () => Promise<boolean> {
  const waiting: ((isIn: true) => void)[] = [];
  let admitted = 0;

  const turn = (): void => {
    const next = waiting.splice(0, atOnce);
    admitted = next.length;
    if (admitted > 0) setImmediate(turn);
    for (const enter of next) enter(true);
  };
  return async () => {
    if (admitted >= atOnce) return waiting.length < most && new Promise((resolve) => waiting.push(resolve));
    if (admitted === 0) setImmediate(turn);
    admitted++;
    return true;
  };
}
