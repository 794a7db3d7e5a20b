import { formatAmount, parseUnits } from '../../core/base/amount.ts';
import { isLockTime } from '../../core/base/height.ts';
import type { Refusal } from '../../core/base/refusal.ts';
import { describeExpiry, describeTime } from './time-left.ts';

/** A fact with its unit; undefined where the other side's text is not such a number. */
type Show = (value: string, ticker: string) => string | undefined;

/** By code and name of the fact: the same name may be an amount in one refusal and count blocks in another. Other facts are texts, or named by their unit. */
const UNITS: readonly (readonly [code: RegExp, name: RegExp, show: Show])[] = [
  [
    /^(agreement-|fee-|total-|price-|invoice-|payment-|exposure-|give-back-|refund-unsigned|deposit-too-(small|large)|funding-value)/,
    /^(all|best|capacity|exposure|fee|least|minPayment|most|needed|price|spent|total|value)$/,
    inCoins,
  ],
  [/^deposit-too-(small|large)$/, /^deposits$/, inCoins],
  [/^expiry-/, /^(least|most)$/, asLock],
  [/^/, /^(expiry|minExpiry|maxExpiry|opens|tip|until)$/, asLock],
  [/^invoice-expired$/, /^expired$/, asTime],
  [/^window-too-/, /^(closingMargin|payoutDelay|least|most)$/, (value) => counted(value, 'block')],
  [/^funding-unconfirmed$/, /^(depth|needed)$/, (value) => counted(value, 'confirmation')],
  [/^message-too-large$/, /^most$/, (value) => counted(value, 'byte')],
  [/-malformed$/, /^script$/, (value) => counted(value, 'byte')],
];

/** The facts of a refusal, for people: numbers with their unit, amounts in whole coins. */
export function factsLine({ code, detail }: Pick<Refusal, 'code' | 'detail'>, ticker: string): string {
  const showFor = (name: string): Show | undefined => {
    if (code === 'offer-excessive' && detail['term'] === 'minDeposit' && name !== 'term') return inCoins;
    return UNITS.find(([codes, names]) => codes.test(code) && names.test(name))?.[2];
  };
  return Object.entries(detail)
    .filter(([name]) => name !== 'signatures')
    .map(([name, value]) => `${name}: ${showFor(name)?.(value, ticker) ?? value}`)
    .join(', ');
}

function inCoins(value: string, ticker: string): string | undefined {
  const units = parseUnits(value);
  return units === undefined ? undefined : `${formatAmount(units)} ${ticker}`;
}

function asLock(value: string): string | undefined {
  const lock = Number(value);
  return isNumber(value) && isLockTime(lock) ? describeExpiry(lock) : undefined;
}

/** Unix time in milliseconds. */
function asTime(value: string): string | undefined {
  const time = Number(value);
  return isNumber(value) && time <= MOST_TIME ? describeTime(time) : undefined;
}

/** What a `Date` can hold. */
const MOST_TIME = 8.64e15;

function counted(value: string, unit: string): string | undefined {
  return isNumber(value) ? `${value} ${unit}${value === '1' ? '' : 's'}` : undefined;
}

function isNumber(value: string): boolean {
  return /^\d{1,16}$/.test(value);
}
