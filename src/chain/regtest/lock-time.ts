import { LOCK_TIME_THRESHOLD } from '../../core/base/height.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { SEQUENCE_DISABLE_FLAG, SEQUENCE_MASK, SEQUENCE_TYPE_FLAG } from './checker.ts';

const SEQUENCE_FINAL = 0xffff_ffff;
const GRANULARITY_BITS = 9;

/** Whether the lock time allows the transaction in a block at `height`; `time` is compared with time locks (`IsFinalTx`). */
export function isFinal(tx: Transaction, height: number, time: number): boolean {
  const limit = tx.lockTime < LOCK_TIME_THRESHOLD ? height : time;
  return tx.lockTime < limit || tx.inputs.every(({ sequence }) => sequence === SEQUENCE_FINAL);
}

export interface SequenceContext {
  /** Height of the block that would hold the transaction. */
  readonly height: number;
  /** Median time past of the block before that, seconds. */
  readonly medianTime: number;
  /** Median time past of the block at a height of the best chain. */
  readonly medianTimeAt: (height: number) => number;
}

/** Whether every relative lock has run out (BIP68, `SequenceLocks`); `heights` are those of the blocks that hold the spent outputs. */
export function sequenceLocksPassed(tx: Transaction, heights: readonly number[], context: SequenceContext): boolean {
  if (tx.version >>> 0 < 2) return true;
  return tx.inputs.every(({ sequence }, i) => {
    if (sequence >= SEQUENCE_DISABLE_FLAG) return true;
    const from = heights[i] ?? context.height;
    const lock = sequence & SEQUENCE_MASK;
    if ((sequence & SEQUENCE_TYPE_FLAG) === 0) return from + lock - 1 < context.height;
    const start = context.medianTimeAt(Math.max(from - 1, 0));
    return start + (lock << GRANULARITY_BITS) - 1 < context.medianTime;
  });
}
