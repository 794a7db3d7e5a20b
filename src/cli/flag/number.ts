import { InvalidArgumentError, Option } from 'commander';

/** More than any useful count of blocks, payments or seconds; heights are below it (BIP 65). */
const MOST = 499_999_999;

/** More blocks than any offer can have. */
export const MOST_BLOCKS = 10_000_000;

/** Reads the value of an option that counts blocks. */
export function blockCount(): (text: string) => number {
  return wholeNumber(1, MOST_BLOCKS);
}

/** Reads the value of an option as a whole number; anything else is a usage error. */
export function wholeNumber(least = 0, most: number = MOST): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
  };
}

/** An option with a whole number within limits, in the config file too. */
export class WholeNumber extends Option {
  readonly least: number;
  readonly most: number;

  constructor(flags: string, description: string, least = 0, most: number = MOST) {
    super(flags, description);
    this.least = least;
    this.most = most;
    this.argParser(wholeNumber(least, most));
  }
}
