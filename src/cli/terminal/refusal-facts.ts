import { formatAmount, parseUnits } from '../../core/base/amount.ts';
import type { Refusal } from '../../core/base/refusal.ts';

/** Facts that are amounts in refusals about money; in others the same names count blocks, bytes or deposits. */
const AMOUNTS: ReadonlySet<string> = new Set([
  ...['all', 'best', 'capacity', 'exposure', 'fee', 'least', 'minPayment', 'most', 'needed', 'price', 'spent', 'total', 'value'],
]);
const ABOUT_MONEY = /^(agreement-|fee-|total-|price-|invoice-|payment-|exposure-|refund-unsigned|deposit-too-(small|large)|funding-value)/;

/** The facts of a refusal, for people: amounts in whole coins with their unit. */
export function factsLine({ code, detail }: Pick<Refusal, 'code' | 'detail'>, ticker: string): string {
  return Object.entries(detail)
    .filter(([name]) => name !== 'signatures')
    .map(([name, value]) => `${name}: ${isAmountFact(code, detail, name) ? inCoins(value, ticker) : value}`)
    .join(', ');
}

function isAmountFact(code: string, { term }: Refusal['detail'], name: string): boolean {
  if (code === 'offer-excessive') return term === 'minDeposit' && (name === 'asked' || name === 'most');
  if (name === 'deposits') return code.startsWith('deposit-too-');
  return ABOUT_MONEY.test(code) && AMOUNTS.has(name);
}

/** The other side's text may not be an amount. */
function inCoins(value: string, ticker: string): string {
  const units = parseUnits(value);
  return units === undefined ? value : `${formatAmount(units)} ${ticker}`;
}
