import * as z from 'zod';
import type { Amount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import type { Height } from '../../core/base/height.ts';
import { spentBy } from '../../core/channel/deposit-view.ts';
import { termsField } from '../../core/channel/snapshot.ts';
import { channelIdOf, type Deposit, type RevocationHash, type Terms } from '../../core/contract/contract.ts';
import { costOf, isRaise } from '../../core/contract/fee.ts';
import {
  amountField,
  channelIdField,
  type Field,
  hashField,
  heightField,
  keptDepositField,
  transactionField,
} from '../../core/message/fields.ts';
import { outpointKey, type Transaction } from '../../core/tx/transaction.ts';
import type { Unreadable } from '../../store/folder-files.ts';
import { parsedJson } from '../../store/folder-files.ts';
import { payeeValue } from './payee-value.ts';

/** Closes that spend the same deposits. */
export interface DepositGroup {
  /** What each of the closes pays the payee, in smallest units. */
  readonly total: Amount;
  /** The same close at rising fees; one only where the terms fix the fee. */
  readonly closes: readonly [Transaction, ...Transaction[]];
}

/** What a watcher needs to close one channel: no key and no secret, only transactions that are signed for good. */
export interface Watched extends DepositGroup {
  readonly channel: ChannelId;
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  /** What each of the closes takes: the best total at the time of writing, less what rests on deposits that were in no block. */
  readonly total: Amount;
  /** The chain's height at the time of writing: up to there the payee's node saw no spend of the deposits. */
  readonly since: Height;
  /** How many secrets the payee had shown; absent: none. Closes of a file with a lower number may be revoked. */
  readonly revoked?: number;
  /** The revocation hash of the best payment, where payments can be taken back. */
  readonly hash?: RevocationHash;
  /**
   * Closes of single deposits, where the best payment uses several: for deposits that were in no block, and for each other deposit in case it is
   * closed or gone without the rest.
   */
  readonly apart?: readonly DepositGroup[];
}

/** For a channel where all was given back: there is nothing to close with, and the earlier closes are revoked. */
export interface Emptied {
  readonly kind: 'emptied';
  readonly channel: ChannelId;
  readonly revoked: number;
}

/** Format 1 has no closes of single deposits, format 2 no revocations. A file is written in the lowest format that holds all of it. */
export const WATCH_FORMAT = 3;
const MOST_CLOSES = 16;

const closesField: Field<DepositGroup['closes']> = z
  .tuple([transactionField], transactionField)
  .refine(({ length }) => length <= MOST_CLOSES);
const watchedField: Field<Watched> = z.strictObject({
  channel: channelIdField,
  terms: termsField,
  deposits: z.array(keptDepositField).min(1).max(64),
  total: amountField,
  since: heightField,
  revoked: z.int().min(1).exactOptional(),
  hash: hashField.exactOptional(),
  closes: closesField,
  apart: z
    .array(z.strictObject({ total: amountField, closes: closesField }))
    .max(64)
    .exactOptional(),
});
const emptiedField: Field<Emptied> = z.strictObject({ kind: z.literal('emptied'), channel: channelIdField, revoked: z.int().min(1) });
const fileField = z.object({ format: z.int(), watched: z.unknown() });

export function writeWatched(watched: Watched): string {
  const format = watched.hash !== undefined ? WATCH_FORMAT : watched.apart === undefined ? 1 : 2;
  return `${JSON.stringify({ format, watched: z.encode(watchedField, watched) })}\n`;
}

export function writeEmptied(emptied: Emptied): string {
  return `${JSON.stringify({ format: WATCH_FORMAT, watched: z.encode(emptiedField, emptied) })}\n`;
}

/** Reads what `writeWatched` and `writeEmptied` wrote. Whatever the text says, the result has only closes of this channel that take exactly this total. */
export function readWatched(text: string): Watched | Emptied | Unreadable {
  const outer = fileField.safeParse(parsedJson(text));
  if (!outer.success) return unreadable('it is not a watch file, or it is incomplete');
  if (outer.data.format > WATCH_FORMAT) return { ...unreadable(`it has the newer format ${outer.data.format}`), newer: true };
  const emptied = emptiedField.safeParse(outer.data.watched);
  if (emptied.success) return emptied.data;
  const inner = watchedField.safeParse(outer.data.watched);
  if (!inner.success) return unreadable(z.prettifyError(inner.error).slice(0, 300));
  const wrong = whatIsWrong(inner.data);
  return wrong === undefined ? inner.data : unreadable(wrong);
}

function whatIsWrong(watched: Watched): string | undefined {
  const { channel, terms, apart = [] } = watched;
  if (channelIdOf(terms.coin, terms.contract.redeemScript(terms)) !== channel) return 'its terms are those of another channel';
  const singles = apart.map(({ closes }) => inputsOf(closes[0]));
  if (apart.some(({ closes }) => closes[0].inputs.length !== 1) || new Set(singles).size < singles.length)
    return 'a close of one deposit is not valid';
  return [watched, ...apart].map((lot) => whatIsWrongIn(watched, lot)).find((wrong) => wrong !== undefined);
}

function whatIsWrongIn(watched: Watched, { total, closes }: DepositGroup): string | undefined {
  const { terms, deposits } = watched;
  const costs = closes.map((close) => costOf(close, deposits));
  if (costs.some((cost) => cost === undefined)) return 'a close spends other outputs than the deposits';
  if (closes.some((close) => inputsOf(close) !== inputsOf(closes[0]))) return 'the closes do not spend the same deposits';
  const isClose = (close: Transaction): boolean => close.inputs.every(({ script }) => terms.contract.recognise(script) === 'close');
  if (!closes.every((close) => isClose(close) && spentBy(close, deposits).length === close.inputs.length)) return 'a close is not valid';
  if (closes.some((close) => payeeValue(watched, close) !== total)) return 'a close does not pay the payee the total';
  const isAscending = costs.every((cost, i) => {
    const before = costs[i - 1];
    return cost !== undefined && (before === undefined || isRaise(terms.coin.policy, before, cost));
  });
  return isAscending ? undefined : 'the fees do not rise';
}

/** A replacement certainly conflicts with everything it replaces only if it has the same inputs. */
function inputsOf({ inputs }: Transaction): string {
  return inputs.map(({ outpoint }) => outpointKey(outpoint)).join();
}

function unreadable(reason: string): Unreadable {
  return { kind: 'unreadable', reason, newer: false };
}
