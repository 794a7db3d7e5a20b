/**
 * A queue before work that has no claim to be done first. It lets `atOnce` in at each turn of the event loop, so that what does not queue comes
 * between them however many are waiting. @returns what waits for one's turn: false, at once, where `most` are waiting already.
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
