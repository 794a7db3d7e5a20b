import { type Amount, amount, least, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { ChainTime } from '../core/base/lock-time.ts';
import { type Refusal, refuse } from '../core/base/refusal.ts';
import { isActive, notActive, type PayeeState } from '../core/channel/payee-state.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { capacityOf, isDue } from '../core/contract/contract.ts';
import type { GiveBackRecord } from './pair-record.ts';

/** How much of its own coins a merchant locks in channels the other way. A payer that leaves keeps them locked until the expiry. */
export interface LendingTerms {
  /** Percent of what the payer itself has in its channel, deep in the chain: for a payer that locks nothing, nothing is locked. */
  readonly percent: number;
  /** The most for one channel. */
  readonly each: Amount;
  /** The most for all channels together. */
  readonly all: Amount;
}

export interface GiveBackOrder {
  readonly name: string;
  readonly more: Amount;
  readonly state: PayeeState;
  readonly record: GiveBackRecord;
  /** What is locked, or may be, for other channels. */
  readonly others: Amount;
  /** What the merchant's wallet could lock now. */
  readonly spendable: Amount;
  readonly now: ChainTime;
}

/** The record with so much more to give back; or a refusal that names the most, when terms or wallet do not cover it. */
export function withOrder(
  terms: LendingTerms,
  { name, more, state, record, others, spendable, now }: GiveBackOrder,
): GiveBackRecord | Refusal {
  if (!isActive(state)) return notActive(state);
  if (isDue(state.terms, now)) return refuse('margin-reached', { tip: now.tip, expiry: state.terms.expiry });
  const lock = lockFor(terms, state, others, amount(record.lock + spendable));
  const given = record.ordered - record.before;
  // The payee's close can't leave dust.
  const covered = (lock > record.lock ? lock : record.lock) - state.terms.coin.policy.dust;
  const most = covered > given ? covered - given : 0n;
  if (more <= 0n || more > most) return refuse('give-back-uncovered', { most, spendable });
  return { ...record, ordered: amount(record.ordered + more), order: name, lock: amount(lock > record.lock ? lock : record.lock) };
}

function lockFor({ percent, each, all }: LendingTerms, { deposits, backing }: PayeeState, others: Amount, owned: Amount): Amount {
  const deep = backing?.backed ?? capacityOf(deposits);
  const part = amount((deep * BigInt(percent)) / 100n);
  const left = all > others ? amount(all - others) : ZERO;
  return least(least(part, each), least(left, owned));
}

/** The record without a channel the other way that has ended: what was paid in it still counts. */
export function withoutEnded(record: GiveBackRecord, opposite: PayerState | undefined): GiveBackRecord {
  if (opposite?.kind !== 'ended') return record;
  const { opposite: _, ...rest } = record;
  const before = amount(record.before + (opposite.best?.total ?? ZERO));
  return { ...rest, before, lock: owedOf({ ...rest, before }, undefined) > 0n ? record.lock : ZERO };
}

/** What was ordered and is not paid yet. */
export function owedOf({ ordered, before }: GiveBackRecord, opposite: PayerState | undefined): Amount {
  const paid = before + (opposite?.best?.total ?? ZERO);
  return ordered > paid ? amount(ordered - paid) : ZERO;
}

/** A channel and the one the other way: what was ordered to go back, and what was paid in it. */
export interface Pair {
  readonly channel: ChannelId;
  readonly opposite?: ChannelId;
  readonly ordered: Amount;
  readonly paidBack: Amount;
}

export function pairOf(channel: ChannelId, record: GiveBackRecord, state: PayerState | undefined): Pair {
  const { ordered, before, opposite } = record;
  return { channel, ordered, paidBack: amount(before + (state?.best?.total ?? ZERO)), ...(opposite && { opposite }) };
}
