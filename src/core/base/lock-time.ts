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

/** Where the chain is, as far as one side knows. */
export interface ChainTime {
  readonly tip: Height;
  /** Unix time in seconds: the middle of the last eleven blocks' (`chain.h`, GetMedianTimePast). */
  readonly medianTime: number;
  /** Unix time in milliseconds, by this side's own clock. */
  readonly now: number;
}

/**
 * What has come for certain, on the scale of `lock`: a transaction locked until then is taken by nodes and can be in the next block. Nodes compare
 * times with the median of the last blocks, about six blocks behind the clock, and want it passed (`validation.cpp`, CheckFinalTx; BIP113).
 */
export function certain(lock: LockTime, { tip, medianTime }: ChainTime): LockTime {
  return isTime(lock) ? timeAt(medianTime - 1) : tip;
}

/** What may have come, on the scale of `lock`: a clock that is behind must not miss a deadline, nor blocks whose times are. */
export function possible(lock: LockTime, at: ChainTime): LockTime {
  return present(kindOf(lock), at);
}

/** The same on the scale of either kind. */
export function present(kind: LockKind, { tip, medianTime, now }: ChainTime): LockTime {
  return kind === 'time' ? timeAt(Math.max(medianTime, Math.floor(now / 1000))) : tip;
}

/** The height at which a lock can be expected to open. */
export function expectedHeight(lock: LockTime, at: ChainTime, blockSeconds: number): Height {
  if (!isTime(lock)) return lock;
  return height(Math.max(0, at.tip + Math.ceil((lock - possible(lock, at)) / blockSeconds)));
}

function timeAt(seconds: number): LockTime {
  return lockTime(Math.min(MAX_LOCK_TIME, Math.max(LOCK_TIME_THRESHOLD, seconds)));
}

/** How much so many blocks are on a scale. */
export function blocksOn(kind: LockKind, blocks: number, blockSeconds: number): number {
  return kind === 'time' ? blocks * blockSeconds : blocks;
}
