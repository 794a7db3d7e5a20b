import type { ReadingProgress } from '../../engine/ports.ts';
import type { Printer } from './print.ts';
import type { Work } from './screen.ts';

export interface ShownReading {
  readonly at: ReadingProgress;
  /** Blocks that are read for the wallet, after everything that is read for its channels. */
  readonly scanned: (block: number, tip: number) => void;
  /** It has ended, in whatever way: later readings are not shown. */
  readonly done: () => void;
}

export const UNSEEN_READING: ShownReading = { at: () => undefined, scanned: () => undefined, done: () => undefined };

const CHAIN = 'reading the chain';
const MEMPOOL = 'reading unconfirmed transactions';

/** Shows the first reading of the chain: there may be years of blocks to read, and then a large mempool. */
export function showReading(print: Pick<Printer, 'work'>): ShownReading {
  let part: 'blocks' | 'mempool' | 'wallet' | undefined;
  let work = print.work(CHAIN);
  let show: Work['at'] = work.at;
  let isOver = false;
  const begin = (next: typeof part): void => {
    part = next;
    work = print.work(next === 'mempool' ? MEMPOOL : CHAIN);
    show = next === 'mempool' ? work.at : fromFirst(work);
  };
  const at = (next: NonNullable<typeof part>, done: number, total: number): void => {
    if (isOver) return;
    if (next !== part) begin(next);
    show(done, total);
    // Until the next report it is unknown what goes on.
    if (done >= total) begin(undefined);
  };
  return {
    at,
    scanned: (block, tip) => at('wallet', block, tip),
    done: () => {
      isOver = true;
      work.done();
    },
  };
}

/** Counts from the lowest block that is reported, not from block 0: a reorganisation goes back. */
export function fromFirst(work: Work): (scanned: number, tip: number) => void {
  let first: number | undefined;
  return (scanned, tip) => {
    first = Math.min(first ?? scanned, scanned - 1);
    work.at(scanned - first, tip - first);
  };
}
