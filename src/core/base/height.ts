import type { Branded } from './branded-type.ts';

/** A block height; also an expiry that is a height. */
export type Height = Branded<number, 'Height'>;

/** Unix time in seconds, as transactions and blocks hold it. */
export type Time = Branded<number, 'Time'>;

/** What an nLockTime waits for: a height, or a time from 500,000,000 on (`script.h`, LOCKTIME_THRESHOLD). */
export type LockTime = Height | Time;

/** The two scales of lock times. */
export type LockKind = 'height' | 'time';

export const LOCK_TIME_THRESHOLD = 500_000_000;
export const MAX_LOCK_TIME = 0xffff_ffff;

export function isHeight(value: number): value is Height {
  return Number.isInteger(value) && value >= 0 && value < LOCK_TIME_THRESHOLD;
}

export function isTime(value: number): value is Time {
  return Number.isInteger(value) && value >= LOCK_TIME_THRESHOLD && value <= MAX_LOCK_TIME;
}

export function kindOf(lock: LockTime): LockKind {
  return isTime(lock) ? 'time' : 'height';
}

export function isLockTime(value: number): value is LockTime {
  return isHeight(value) || isTime(value);
}

/** @throws RangeError unless a whole number in 0 … 499,999,999. */
export function height(value: number): Height {
  if (!isHeight(value)) throw new RangeError(`${value} is not a block height`);
  return value;
}

/** @throws RangeError unless a whole number in 0 … 4,294,967,295. */
export function lockTime(value: number): LockTime {
  if (!isLockTime(value)) throw new RangeError(`${value} is not a lock time`);
  return value;
}

/** A lock time that many blocks or seconds later (earlier if negative). A height stays a height, at least 0; a time stays a time. */
export function after(from: Height, blocks: number): Height;
export function after(from: LockTime, by: number): LockTime;
export function after(from: LockTime, by: number): LockTime {
  if (!isTime(from)) return height(Math.max(0, from + by));
  return lockTime(Math.min(MAX_LOCK_TIME, Math.max(LOCK_TIME_THRESHOLD, from + by)));
}
