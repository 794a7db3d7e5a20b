import {
  type Height,
  height,
  isTime,
  kindOf,
  LOCK_TIME_THRESHOLD,
  type LockKind,
  type LockTime,
  lockTime,
  MAX_LOCK_TIME,
} from './height.ts';

/** The position of the chain, as far as one side knows it. */
export interface ChainTime {
  readonly tip: Height;
  /** Unix time in seconds: the median of the last eleven blocks' times (`chain.h`, GetMedianTimePast). */
  readonly medianTime: number;
  /** Unix time in milliseconds, by this side's own clock. */
  readonly now: number;
}

/**
 * What has certainly been reached, on the scale of `lock`: nodes accept a transaction locked until then, and the next block can hold it. Nodes
 * compare lock times with the median time of the last blocks, which is about six blocks behind the clock, and require that it is past
 * (`validation.cpp`, CheckFinalTx; BIP113).
 */
export function certain(lock: LockTime, { tip, medianTime }: ChainTime): LockTime {
  return isTime(lock) ? timeAt(medianTime - 1) : tip;
}

/** What may have been reached, on the scale of `lock`: neither a slow clock nor blocks with early times may make us miss a deadline. */
export function possible(lock: LockTime, at: ChainTime): LockTime {
  return present(kindOf(lock), at);
}

/** What may have been reached, as a height or as a time. */
export function present(kind: LockKind, { tip, medianTime, now }: ChainTime): LockTime {
  return kind === 'time' ? timeAt(Math.max(medianTime, Math.floor(now / 1000))) : tip;
}

/** The height at which a lock is expected to open. */
export function expectedHeight(lock: LockTime, at: ChainTime, blockSeconds: number): Height {
  if (!isTime(lock)) return lock;
  return height(Math.max(0, at.tip + Math.ceil((lock - possible(lock, at)) / blockSeconds)));
}

function timeAt(seconds: number): LockTime {
  return lockTime(Math.min(MAX_LOCK_TIME, Math.max(LOCK_TIME_THRESHOLD, seconds)));
}

/** Converts a number of blocks to the scale: blocks or seconds. */
export function blocksOn(kind: LockKind, blocks: number, blockSeconds: number): number {
  return kind === 'time' ? blocks * blockSeconds : blocks;
}
