/** Longer than this, about 25 days, and the system would call at once. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

/**
 * Does `work` under a signal that is aborted, with a `TimeoutError`, after so many milliseconds. Nothing is left when the work is done: what listens to
 * an `AbortSignal.timeout` stays in memory until that fires, and of thousands of short requests a second that is most of the memory there is.
 */
export async function withTimeout<T>(milliseconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const giveUp = (): void => controller.abort(new DOMException(`not done within ${milliseconds} ms`, 'TimeoutError'));
  const timer = setTimeout(giveUp, Math.min(milliseconds, MOST_MILLISECONDS));
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}
