import { isTime, type LockTime } from '../../core/base/height.ts';
import { type ChainTime, possible } from '../../core/base/lock-time.ts';

/** An expiry in a form for people: a block, or a time. */
export function describeExpiry(lock: LockTime): string {
  return isTime(lock) ? `${new Date(lock * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC` : `block ${lock}`;
}

/** How long it is until then. */
export function timeLeft(lock: LockTime, at: ChainTime): string {
  const rest = Math.max(0, lock - possible(lock, at));
  return isTime(lock) ? `${(rest / 3600).toFixed(1)} hours left` : `${rest} blocks left`;
}
