import { type Amount, amount, formatAmount, isAmount, MAX_AMOUNT } from '../../core/base/amount.ts';
import { type Refusal, refuse } from '../../core/base/refusal.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import type { Raise } from '../../payer/agent.ts';
import type { PriceMemory, ShopItem } from '../../payer/price-memory.ts';
import type { Shell } from '../run-command.ts';
import { Refused } from '../terminal/print.ts';

/** What to buy, and the merchant's present price. */
export interface Bargain {
  readonly ware: ShopItem;
  readonly price: Amount;
  readonly times: number;
  /** The owner's own limit, by `--max`. */
  readonly max?: Amount;
}

export interface Consenting {
  readonly prices: PriceMemory;
  readonly print: Pick<Shell['print'], 'note'>;
  /** Asks a person; undefined where there is nobody to ask. */
  readonly ask: ((question: string) => Promise<boolean>) | undefined;
}

/**
 * The most that each purchase may cost: what the owner said, agreed to before, or agrees to now. Where nobody can be asked, a price that was never
 * seen is paid only within a part of the channel's deposits.
 */
export async function consent({ prices, print, ask }: Consenting, state: PayerState, bargain: Bargain): Promise<Amount | Refusal> {
  const { ware, price, times, max } = bargain;
  const { ticker } = state.terms.coin;
  if (max !== undefined) {
    if (price > max) return tooHigh(price, max, ticker);
    await prices.agree(ware, price);
    return max;
  }
  const known = await prices.agreed(ware);
  if (known !== undefined && price <= known) return known;
  if (ask !== undefined) {
    if (!(await ask(questionOf(bargain, known, ticker)))) return tooHigh(price, known, ticker);
    await prices.agree(ware, price);
    return price;
  }
  if (known !== undefined) return tooHigh(price, known, ticker);
  const sum = price * BigInt(times);
  const room = await prices.unseenRoom(state);
  if (!isAmount(sum) || sum > room) return tooHigh(price, amount(room / BigInt(times)), ticker);
  await prices.agree(ware, price, { channel: state.channel, sum });
  print.note(`${ware.item} costs ${formatAmount(price)} ${ticker}; from now on up to that price is paid without asking`);
  return price;
}

/**
 * Agrees to a payment of more than its price: if the owner's limit allows it, or the owner does, who is asked once for each amount. Where nobody can
 * be asked, the owner's limit decides alone. @throws Refused
 */
export function agreeToRaise(
  { ask }: Pick<Consenting, 'ask'>,
  ticker: string,
  max: Amount | undefined,
): (raise: Pick<Raise, 'due' | 'moves'>) => Promise<boolean> {
  let agreed = max;
  return async ({ due, moves }) => {
    if (agreed !== undefined && moves <= agreed) return true;
    const [all, part] = [`${formatAmount(moves)} ${ticker}`, `${formatAmount(due)} ${ticker}`];
    const text = `The smallest payment that the channel can make now is ${all}; ${part} of it are due, the rest becomes credit for later purchases.`;
    if (max === undefined && ask !== undefined && (await ask(`${text} Pay?`))) {
      agreed = moves;
      return true;
    }
    const refusal = refuse('price-too-high', { price: moves, most: max ?? due });
    throw new Refused({ ...refusal, advice: `${text} To accept that: --max ${formatAmount(moves)}.` });
  };
}

function questionOf({ ware, price, times }: Bargain, known: Amount | undefined, ticker: string): string {
  const before = known === undefined ? '' : `, but was at most ${formatAmount(known)} ${ticker} before`;
  const sum = price * BigInt(times);
  const all = times === 1 ? '' : `, ${formatAmount(isAmount(sum) ? sum : MAX_AMOUNT)} ${ticker} for ${times}`;
  return `${ware.item} costs ${formatAmount(price)} ${ticker}${all}${before}. Pay?`;
}

function tooHigh(price: Amount, most: Amount | undefined, ticker: string): Refusal {
  const refusal = refuse('price-too-high', { price, ...(most === undefined ? {} : { most }) });
  return { ...refusal, advice: `It costs ${formatAmount(price)} ${ticker}. To accept that: --max ${formatAmount(price)}.` };
}
