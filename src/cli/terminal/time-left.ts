import { counted } from '../../core/base/counted.ts';
import { isTime, type LockTime } from '../../core/base/height.ts';
import { type ChainTime, possible } from '../../core/base/lock-time.ts';

/** An expiry in a form for people: a block, or a time. */
export function describeExpiry(lock: LockTime): string {
  return isTime(lock) ? describeTime(lock * 1000) : `block ${lock}`;
}

/** A Unix time in milliseconds, to the minute. @throws RangeError beyond what a `Date` can hold. */
export function describeTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** How long it is until then. */
export function timeLeft(lock: LockTime, at: ChainTime): string {
  const rest = Math.max(0, lock - possible(lock, at));
  return isTime(lock) ? `${(rest / 3600).toFixed(1)} hours left` : `${counted(rest, 'block')} left`;
}
