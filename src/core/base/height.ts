import type { Brand } from './brand.ts';

/** A block height; also the lock of an expiry. Heights and times share nLockTime and part at 500,000,000 (`script.h`). */
export type Height = Brand<number, 'Height'>;

export const LOCK_TIME_THRESHOLD = 500_000_000;

export function isHeight(value: number): value is Height {
  return Number.isInteger(value) && value >= 0 && value < LOCK_TIME_THRESHOLD;
}

/** @throws RangeError unless a whole number in 0 … 499,999,999. */
export function height(value: number): Height {
  if (!isHeight(value)) throw new RangeError(`${value} is not a block height`);
  return value;
}

/** The height `blocks` later, or earlier when negative; not below the genesis block. */
export function after(from: Height, blocks: number): Height {
  return height(Math.max(0, from + blocks));
}
