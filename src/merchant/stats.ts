import type { Amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { type Height, height, isTime, type LockTime } from '../core/base/height.ts';
import { expectedHeight } from '../core/base/lock-time.ts';
import { isRefusal, type RefusalCode } from '../core/base/refusal.ts';
import type { PayeeEnd, PayeeState } from '../core/channel/payee-state.ts';
import type { Coin } from '../core/coin/coin.ts';
import type { Reply } from '../core/message/message.ts';
import type { Exposure } from '../engine/exposure.ts';
import type { JobReport } from '../engine/jobs.ts';
import type { Clock, Tip } from '../engine/ports.ts';
import type { TakenPayment } from '../transport/request-handler.ts';
import type { Merchant } from './merchant.ts';
import type { Tally } from './running-totals.ts';

/** How far the merchant has read the chain. */
export interface ChainFigures {
  readonly height: Height;
  readonly hash: string;
  /** Seconds since the node was last read completely. */
  readonly age: number;
}

/** The chain as it was read, when that was (Unix milliseconds), and why nothing new is promised on it. */
export interface ReadChain {
  readonly last?: { readonly tip: Tip; readonly at: number };
  readonly doubt?: string;
}

/** A channel that is closing, without a confirmed close as far as the chain was read. */
export interface UnminedFigures {
  readonly channel: ChannelId;
  readonly atRisk: Amount;
  readonly closing: Height;
  readonly expiry: Height;
}

/** What a merchant's owner wants to see at a glance. Money in smallest units, exact; sums over all channels. */
export interface Figures {
  readonly coin: Coin;
  /** The backend that checks signatures. */
  readonly backend: string;
  readonly channels: Readonly<Record<Exclude<PayeeState['kind'], 'ended'>, number>>;
  readonly ends: Readonly<Record<PayeeEnd, number>>;
  /** What would be lost if nothing were ever closed. */
  readonly atRisk: bigint;
  /** The part of it in totals below the least stake: transactions that spend the outputs of their closes could delay these. */
  readonly pinnable: bigint;
  /** Delivered value that the chain could still undo, and its limit. */
  readonly exposure: { readonly total: bigint; readonly most: bigint; readonly channels: number };
  /** What rests on deposits that are less than so many blocks deep, and the limit for that. */
  readonly young: readonly { readonly below: number; readonly total: bigint; readonly most: bigint }[];
  /** What was delivered on deposits that have been in no block for too long. */
  readonly writtenOff: bigint;
  readonly capacity: bigint;
  /** Of channels with a payment; an expected height where the lock is a time. */
  readonly nearestClosing?: Height;
  readonly nearestExpiry?: Height;
  readonly unmined: readonly UnminedFigures[];
  /** Undefined before the chain was read for the first time. */
  readonly chain?: ChainFigures;
  /** Why nothing new is promised now. */
  readonly doubt?: string;
  /** Why nothing can be stored now. */
  readonly unkept?: string;
  readonly answers: Readonly<Partial<Record<Reply['kind'], number>>>;
  readonly refusals: Readonly<Partial<Record<RefusalCode, number>>>;
  /** Requests that could not be answered because node or store failed. */
  readonly failures: number;
  readonly jobs: readonly Pick<JobReport, 'name' | 'isAlive' | 'lastSuccess' | 'failures'>[];
  /** Channels whose files for watchers are out of date; undefined where none are written. */
  readonly unwatched?: number;
}

/** Answers given, by kind, and refusals by code. Both lists are short, and no peer can make them longer. */
export class AnswerCounts {
  readonly answers: Partial<Record<Reply['kind'], number>> = {};
  readonly refusals: Partial<Record<RefusalCode, number>> = {};
  failures = 0;

  counting<Payee extends Pick<Merchant, 'answer' | 'announce' | 'pay' | 'increment'>>(payee: Payee): Payee {
    return {
      ...payee,
      answer: (request) => this.#counted(payee.answer(request)),
      announce: (announce) => this.#counted(payee.announce(announce)),
      pay: (pay) => this.#counted(payee.pay(pay)),
      increment: (pay) => this.#counted(payee.increment(pay)),
    };
  }

  async #counted<Answer extends Reply | TakenPayment>(answering: Promise<Answer>): Promise<Answer> {
    try {
      const reply = await answering;
      if (isRefusal(reply)) this.refusals[reply.code] = (this.refusals[reply.code] ?? 0) + 1;
      else this.#count(reply.kind === 'taken' ? 'receipt' : reply.kind);
      return reply;
    } catch (error) {
      this.failures++;
      throw error;
    }
  }

  #count(kind: Reply['kind']): void {
    this.answers[kind] = (this.answers[kind] ?? 0) + 1;
  }
}

export interface FigureSources {
  readonly coin: Coin;
  readonly backend: string;
  readonly tally: Tally;
  readonly counts: AnswerCounts;
  readonly exposure: Exposure;
  readonly read: () => ReadChain;
  readonly unkept?: () => string | undefined;
  readonly jobs: () => readonly JobReport[];
  readonly unwatched?: () => number;
  readonly clock: Clock;
}

/** The cost does not depend on the number of idle channels. */
export function figuresOf({ coin, backend, tally, counts, exposure, read, unkept, jobs, unwatched, clock }: FigureSources): Figures {
  const { counts: channels, ends, atRisk, pinnable, capacity } = tally;
  const { answers, refusals, failures } = counts;
  const { total, most, channels: exposed } = exposure;
  return {
    coin,
    backend,
    channels,
    ends,
    atRisk,
    pinnable,
    capacity,
    exposure: { total, most, channels: exposed },
    young: exposure.young(read().last?.tip.height ?? height(0)),
    writtenOff: exposure.writtenOff,
    ...deadlines(tally, read(), coin, clock.now()),
    ...chainFigures(read(), clock),
    ...unkeptFigure(unkept?.()),
    answers,
    refusals,
    failures,
    jobs: jobs().map(({ lastError: _, ...job }) => job),
    ...(unwatched === undefined ? {} : { unwatched: unwatched() }),
  };
}

/** Before the chain was read, it is unknown at which height a time will come. */
function deadlines(
  tally: Tally,
  { last }: ReadChain,
  { blockSeconds }: Coin,
  now: number,
): Pick<Figures, 'nearestClosing' | 'nearestExpiry' | 'unmined'> {
  const heightsOf = (locks: readonly LockTime[]): readonly Height[] =>
    locks.flatMap((lock) => {
      if (!isTime(lock)) return [lock];
      return last === undefined ? [] : [expectedHeight(lock, { tip: last.tip.height, medianTime: 0, now }, blockSeconds)];
    });
  const [nearestClosing] = heightsOf(tally.nearestClosings).toSorted((a, b) => a - b);
  const [nearestExpiry] = heightsOf(tally.nearestExpiries).toSorted((a, b) => a - b);
  const unmined = tally.unmined.flatMap((one) => {
    const [closing, expiry] = heightsOf([one.closing, one.expiry]);
    return closing === undefined || expiry === undefined ? [] : [{ ...one, closing, expiry }];
  });
  return {
    ...(nearestClosing === undefined ? {} : { nearestClosing }),
    ...(nearestExpiry === undefined ? {} : { nearestExpiry }),
    unmined,
  };
}

function chainFigures({ last, doubt }: ReadChain, clock: Clock): Pick<Figures, 'chain' | 'doubt'> {
  const chain = last && { height: last.tip.height, hash: last.tip.hash, age: Math.max(0, Math.round((clock.now() - last.at) / 1000)) };
  return { ...(chain && { chain }), ...(doubt === undefined ? {} : { doubt }) };
}

function unkeptFigure(unkept: string | undefined): Pick<Figures, 'unkept'> {
  return unkept === undefined ? {} : { unkept };
}
