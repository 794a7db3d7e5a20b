import { type Amount, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { LockTime } from '../core/base/height.ts';
import { viewOf } from '../core/channel/deposit-view.ts';
import { atRisk, type PayeeEnd, type PayeeState, pinnable } from '../core/channel/payee-state.ts';
import type { ChainView } from '../core/channel/state-machine.ts';
import { capacityOf, closingAt, type Deposit } from '../core/contract/contract.ts';
import type { Book } from '../engine/engine.ts';
import { NextDeadlines } from './next-deadline.ts';

type Living = Exclude<PayeeState['kind'], 'ended'>;

/** What one channel adds to the sums. */
interface Share {
  readonly kind: Living;
  readonly atRisk: Amount;
  readonly pinnable: Amount;
  readonly capacity: Amount;
  readonly closing: LockTime;
  readonly expiry: LockTime;
  readonly deposits: readonly Deposit[];
}

/** A channel that is closing, without a confirmed close as far as the chain was read. */
export interface Unmined {
  readonly channel: ChannelId;
  readonly atRisk: Amount;
  readonly closing: LockTime;
  readonly expiry: LockTime;
}

/** Sums over all channels of a merchant. The cost of a change, or of reading a sum, does not depend on the number of channels. */
export class Tally implements Book<PayeeState> {
  #living = new Map<ChannelId, Share>();
  #unmined = new Map<ChannelId, Share>();
  #counts: Record<Living, number> = { open: 0, paused: 0, closing: 0 };
  #ends: Record<PayeeEnd, number> = { closed: 0, refunded: 0, lost: 0, unused: 0 };
  #sums = { atRisk: 0n, pinnable: 0n, capacity: 0n };
  #closings = new NextDeadlines();
  #expiries = new NextDeadlines();

  open(): void {
    this.#living = new Map();
    this.#unmined = new Map();
    this.#counts = { open: 0, paused: 0, closing: 0 };
    this.#ends = { closed: 0, refunded: 0, lost: 0, unused: 0 };
    this.#sums = { atRisk: 0n, pinnable: 0n, capacity: 0n };
    this.#closings = new NextDeadlines();
    this.#expiries = new NextDeadlines();
  }

  found(channel: ChannelId, state: PayeeState): void {
    if (state.kind === 'ended') this.#ends[state.how]++;
    else this.#put(channel, shareOf(state, state.kind));
  }

  stored(channel: ChannelId, state: PayeeState): void {
    const before = this.#living.get(channel);
    if (before !== undefined) this.#take(channel, before);
    if (state.kind !== 'closing') this.#unmined.delete(channel);
    if (state.kind !== 'ended') this.#put(channel, shareOf(state, state.kind), before);
    // A channel that had ended before is counted already.
    else if (before !== undefined) this.#ends[state.how]++;
  }

  viewed(channel: ChannelId, view: ChainView): void {
    const share = this.#living.get(channel);
    if (share?.kind !== 'closing') return;
    const isMined = share.deposits.some((deposit) => {
      const seen = viewOf(deposit, view);
      return seen.kind === 'spent' && seen.depth > 0;
    });
    if (isMined) this.#unmined.delete(channel);
    else this.#unmined.set(channel, share);
  }

  #put(channel: ChannelId, share: Share, before?: Share): void {
    this.#living.set(channel, share);
    if (share.kind === 'closing' && before?.kind !== 'closing') this.#unmined.set(channel, share);
    this.#counts[share.kind]++;
    this.#sums.atRisk += share.atRisk;
    this.#sums.pinnable += share.pinnable;
    this.#sums.capacity += share.capacity;
    if (share.atRisk === 0n) return;
    if (share.kind !== 'closing') this.#closings.add(share.closing);
    this.#expiries.add(share.expiry);
  }

  #take(channel: ChannelId, share: Share): void {
    this.#living.delete(channel);
    this.#counts[share.kind]--;
    this.#sums.atRisk -= share.atRisk;
    this.#sums.pinnable -= share.pinnable;
    this.#sums.capacity -= share.capacity;
    if (share.atRisk === 0n) return;
    if (share.kind !== 'closing') this.#closings.remove(share.closing);
    this.#expiries.remove(share.expiry);
  }

  /** The number of channels in each state, without those that ended. */
  get counts(): Readonly<Record<Living, number>> {
    return this.#counts;
  }

  get ends(): Readonly<Record<PayeeEnd, number>> {
    return this.#ends;
  }

  /** What the merchant would lose if nothing were ever closed. A sum over many channels may exceed the largest `Amount`. */
  get atRisk(): bigint {
    return this.#sums.atRisk;
  }

  /** The part of it in totals so small that a thief could delay their closes. */
  get pinnable(): bigint {
    return this.#sums.pinnable;
  }

  /** What the living channels hold. */
  get capacity(): bigint {
    return this.#sums.capacity;
  }

  /** The first height, and the first time, at which a channel with a payment has to be closed. */
  get nearestClosings(): readonly LockTime[] {
    return this.#closings.first;
  }

  /** The first height, and the first time, at which a payer may take back money that it has paid. */
  get nearestExpiries(): readonly LockTime[] {
    return this.#expiries.first;
  }

  /** Ends that are in no block yet. Its size depends on the closes under way, not on the number of channels. */
  get unmined(): readonly Unmined[] {
    return [...this.#unmined].map(([channel, { atRisk: value, closing, expiry }]) => ({ channel, atRisk: value, closing, expiry }));
  }
}

function shareOf(state: PayeeState, kind: Living): Share {
  const { terms, deposits } = state;
  const risk = atRisk(state);
  const capacity = deposits.length === 0 ? ZERO : capacityOf(deposits);
  return { kind, atRisk: risk, pinnable: pinnable(state), capacity, closing: closingAt(terms), expiry: terms.expiry, deposits };
}
