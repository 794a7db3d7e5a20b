import { type Amount, amount, isAmount, MAX_AMOUNT, subtract, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import type { ExposurePart } from '../core/channel/deposit-confirmation.ts';
import type { YoungRoom } from '../core/channel/state-machine.ts';
import type { YoungBound } from '../core/coin/coin.ts';

/** The value that one channel has delivered and that the chain could still undo. */
export interface Exposed {
  /** The part beyond what the channel's deep deposits back. */
  readonly exposure: Amount;
  /** All of it, by the deposits that it rests on. */
  readonly rests: readonly ExposurePart[];
}

/** The same for all channels of a store together. */
export interface Exposure {
  /** Above this, nothing more is delivered beyond what deep deposits back. A reorganisation can raise the total above it. */
  readonly most: Amount;
  readonly total: Amount;
  readonly channels: number;
  /** What rests on deposits that are less than so many blocks deep, and the limit for that. */
  readonly young: (tip: Height) => readonly (YoungBound & { readonly total: bigint })[];
  /** What was delivered on deposits that have been in no block for too long: a loss, unless they are mined after all. */
  readonly writtenOff: bigint;
}

export const NOT_EXPOSED: Exposed = { exposure: ZERO, rests: [] };

/** The sum that rests on one block's deposits. */
interface Pile {
  sum: bigint;
}

/** The height for deposits in no block yet: they have the least depth. */
const UNMINED = Number.POSITIVE_INFINITY;

/** The sums over all channels, kept outside the store: two payments that are stored at the same time must not both use the room that is left. */
export class ExposureLedger implements Exposure {
  readonly most: Amount;
  readonly #bounds: readonly YoungBound[];
  readonly #byChannel = new Map<ChannelId, Amount>();
  readonly #rests = new Map<ChannelId, readonly { readonly pile: Pile; readonly value: Amount }[]>();
  /** By height. Only as many are kept as the largest depth needs, so the cost of a sum does not grow. */
  readonly #piles = new Map<number, Pile>();
  readonly #lost: Pile = { sum: 0n };
  #total = ZERO;

  /** `bounds` limit what rests on young deposits; `most` limits what may rest on any. */
  constructor(most: Amount, bounds: readonly YoungBound[] = []) {
    this.most = most;
    this.#bounds = bounds.map(({ below, most: each }) => ({ below, most: sumOf(each, most) }));
  }

  get total(): Amount {
    return this.#total;
  }

  get channels(): number {
    return this.#byChannel.size;
  }

  get room(): Amount {
    return this.#total < this.most ? subtract(this.most, this.#total) : ZERO;
  }

  get writtenOff(): bigint {
    return this.#lost.sum;
  }

  /** Sets the value of a channel. Channels without exposure take no memory. */
  set(channel: ChannelId, { exposure, rests }: Exposed): void {
    const before = this.#byChannel.get(channel) ?? ZERO;
    this.#total = amount(this.#total - before + exposure);
    if (exposure === 0n) this.#byChannel.delete(channel);
    else this.#byChannel.set(channel, exposure);
    this.#setRests(channel, rests);
  }

  #setRests(channel: ChannelId, rests: readonly ExposurePart[]): void {
    for (const { pile, value } of this.#rests.get(channel) ?? []) pile.sum -= value;
    const put = rests.map(({ place, value }) => ({ pile: this.#pileOf(place), value }));
    for (const { pile, value } of put) pile.sum += value;
    if (put.length === 0) this.#rests.delete(channel);
    else this.#rests.set(channel, put);
  }

  #pileOf({ at, height }: ExposurePart['place']): Pile {
    if (at === 'lost') return this.#lost;
    const key = at === 'none' ? UNMINED : height;
    const pile = this.#piles.get(key) ?? { sum: 0n };
    this.#piles.set(key, pile);
    return pile;
  }

  young(tip: Height): readonly (YoungBound & { readonly total: bigint })[] {
    this.#forget(tip);
    return this.#bounds.map((bound) => ({ ...bound, total: this.#restingOn(bound.below, tip) }));
  }

  /** How much more may rest on young deposits; each value is computed when it is read. */
  youngRooms(tip: Height): readonly YoungRoom[] {
    const roomOf = ({ below, most }: YoungBound): Amount => {
      this.#forget(tip);
      const total = this.#restingOn(below, tip);
      return total < most ? amount(most - total) : ZERO;
    };
    return this.#bounds.map((bound) => ({
      below: bound.below,
      get room() {
        return roomOf(bound);
      },
    }));
  }

  #restingOn(below: number, tip: Height): bigint {
    let sum = 0n;
    for (const [height, pile] of this.#piles) if (tip - height + 1 < below) sum += pile.sum;
    return sum;
  }

  /** Forgets what is so much deeper than all bounds that no reorganisation brings it back. */
  #forget(tip: Height): void {
    const deepest = 2 * Math.max(0, ...this.#bounds.map(({ below }) => below));
    for (const height of this.#piles.keys()) if (height !== UNMINED && tip - height >= deepest) this.#piles.delete(height);
  }
}

function sumOf(a: Amount, b: Amount): Amount {
  const sum = a + b;
  return isAmount(sum) ? sum : MAX_AMOUNT;
}

/** For a channel that may be in either state: the worse one counts until the state is known. */
export function worse(a: Exposed, b: Exposed): Exposed {
  if (a === b) return a;
  return { exposure: a.exposure > b.exposure ? a.exposure : b.exposure, rests: totalOf(a) > totalOf(b) ? a.rests : b.rests };
}

function totalOf({ rests }: Exposed): bigint {
  return rests.reduce((sum, { value }) => sum + value, 0n);
}
