import type { Branded } from './branded-type.ts';

/** A sum of money in the coin's smallest unit (koinu, litoshi, satoshi): 0 … 10^18, never a JavaScript number. */
export type Amount = Branded<bigint, 'Amount'>;

/** No output and no supply of a coin that pawment knows is larger than this (Dogecoin's MAX_MONEY, `amount.h`). */
export const MAX_AMOUNT: Amount = 1_000_000_000_000_000_000n as Amount;

/** Decimal places of one whole coin; the same on every chain pawment knows. */
const DECIMALS = 8;
const UNITS_PER_COIN = 10n ** BigInt(DECIMALS);

export function isAmount(value: bigint): value is Amount {
  return value >= 0n && value <= MAX_AMOUNT;
}

/** @throws RangeError outside 0 … 10^18: a bug in the caller; input of a peer never gets here. */
export function amount(value: bigint): Amount {
  if (!isAmount(value)) throw new RangeError(`${value} is not an amount of money`);
  return value;
}

export const ZERO: Amount = amount(0n);

export function add(...terms: readonly Amount[]): Amount {
  return amount(terms.reduce<bigint>((sum, term) => sum + term, 0n));
}

/** @throws RangeError when the result would be negative. */
export function subtract(from: Amount, take: Amount): Amount {
  return amount(from - take);
}

export function least(a: Amount, b: Amount): Amount {
  return a < b ? a : b;
}

export function greatest(a: Amount, b: Amount): Amount {
  return a > b ? a : b;
}

/** The fee for `size` bytes at `perKilobyte`, rounded up to a whole unit. */
export function feeFor(size: number, perKilobyte: Amount): Amount {
  return amount((BigInt(size) * perKilobyte + 999n) / 1000n);
}

/** Reads whole smallest units, as JSON and stored states write them: `"150000000"`. */
export function parseUnits(text: string): Amount | undefined {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return isAmount(value) ? value : undefined;
}

/** Reads what people and nodes write: `"1.5"` is 150000000. More than eight decimals is refused, not rounded. */
export function parseAmount(text: string): Amount | undefined {
  const match = /^([0-9]{1,11})(?:\.([0-9]{1,8}))?$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const value = BigInt(match[1]) * UNITS_PER_COIN + BigInt((match[2] ?? '').padEnd(DECIMALS, '0'));
  return isAmount(value) ? value : undefined;
}

/** Writes whole coins with as many decimals as are needed: 150000000 is `"1.5"`. */
export function formatAmount(value: Amount): string {
  const fraction = (value % UNITS_PER_COIN).toString().padStart(DECIMALS, '0').replace(/0+$/, '');
  const whole = (value / UNITS_PER_COIN).toString();
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
