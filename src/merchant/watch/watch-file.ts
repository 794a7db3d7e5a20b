import { z } from 'zod';
import type { Amount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import type { Height } from '../../core/base/height.ts';
import { spentBy } from '../../core/channel/fate.ts';
import { termsField } from '../../core/channel/snapshot.ts';
import { channelIdOf, type Deposit, type Terms } from '../../core/contract/contract.ts';
import { costOf, isRaise } from '../../core/contract/fee.ts';
import { amountField, channelIdField, depositField, type Field, heightField, transactionField } from '../../core/message/fields.ts';
import { outpointKey, type Transaction } from '../../core/tx/transaction.ts';
import { takenBy } from './taken.ts';

/** What a watcher needs to close one channel: no key and no secret, only transactions that are signed for good. */
export interface Watched {
  readonly channel: ChannelId;
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  /** What each of the closes takes: the best total when this was written, less what rests on deposits that were in no block. */
  readonly total: Amount;
  /** The chain's height when this was written: until then the payee's node saw nothing spend the deposits. */
  readonly since: Height;
  /** The same close at ascending fees; one where the terms fix the fee. */
  readonly closes: readonly [Transaction, ...Transaction[]];
}

/** A file that tells a watcher nothing. A newer program may have written it. */
export interface Unreadable {
  readonly kind: 'unreadable';
  readonly reason: string;
  readonly newer: boolean;
}

export const WATCH_FORMAT = 1;
const MOST_CLOSES = 16;

const watchedField: Field<Omit<Watched, 'closes'> & { readonly closes: readonly Transaction[] }> = z.strictObject({
  channel: channelIdField,
  terms: termsField,
  deposits: z.array(depositField).min(1).max(64),
  total: amountField,
  since: heightField,
  closes: z.array(transactionField).min(1).max(MOST_CLOSES),
});
const fileField = z.object({ format: z.int(), watched: z.unknown() });

export function writeWatched(watched: Watched): string {
  return `${JSON.stringify({ format: WATCH_FORMAT, watched: z.encode(watchedField, watched) })}\n`;
}

/** Reads what `writeWatched` wrote. Whatever else the text says, what comes out are closes of just that channel which take just that total. */
export function readWatched(text: string): Watched | Unreadable {
  const outer = fileField.safeParse(parsed(text));
  if (!outer.success) return unreadable('it is not a file of this kind, or cut short');
  if (outer.data.format > WATCH_FORMAT) return { ...unreadable(`it has the newer format ${outer.data.format}`), newer: true };
  const inner = watchedField.safeParse(outer.data.watched);
  if (!inner.success) return unreadable(z.prettifyError(inner.error).slice(0, 300));
  const { closes, ...rest } = inner.data;
  const [first, ...others] = closes;
  if (first === undefined) return unreadable('it holds no close');
  const watched: Watched = { ...rest, closes: [first, ...others] };
  const wrong = whatIsWrong(watched);
  return wrong === undefined ? watched : unreadable(wrong);
}

function whatIsWrong(watched: Watched): string | undefined {
  const { channel, terms, deposits, total, closes } = watched;
  if (channelIdOf(terms.coin, terms.contract.redeemScript(terms)) !== channel) return 'its terms are those of another channel';
  const costs = closes.map((close) => costOf(close, deposits));
  if (costs.some((cost) => cost === undefined)) return 'a close spends something else than the deposits';
  if (closes.some((close) => inputsOf(close) !== inputsOf(closes[0]))) return 'the closes do not spend the same';
  const isClose = (close: Transaction): boolean => close.inputs.every(({ script }) => terms.contract.recognise(script) === 'close');
  if (!closes.every((close) => isClose(close) && spentBy(close, deposits).length === close.inputs.length)) return 'a close is none';
  if (closes.some((close) => takenBy(watched, close) !== total)) return 'a close does not take the total';
  const isAscending = costs.every((cost, i) => {
    const before = costs[i - 1];
    return cost !== undefined && (before === undefined || isRaise(terms.coin.policy, before, cost));
  });
  return isAscending ? undefined : 'the fees do not ascend';
}

/** A replacement conflicts with all that it replaces only if it spends the same. */
function inputsOf({ inputs }: Transaction): string {
  return inputs.map(({ outpoint }) => outpointKey(outpoint)).join();
}

function unreadable(reason: string): Unreadable {
  return { kind: 'unreadable', reason, newer: false };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
