import { type Amount, amount, subtract, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';

/** What the channels of a store have delivered, all together, that the chain could still undo. */
export interface Exposure {
  /** The most it may be before nothing more is delivered beyond what deep deposits back. A reorganisation can lift it above that. */
  readonly most: Amount;
  readonly total: Amount;
  /** Channels that have a part in it. */
  readonly channels: number;
}

/** The sum over all channels, kept beside the store: payments on two of them that are stored at the same time must not both take what is left. */
export class ExposureLedger implements Exposure {
  readonly most: Amount;
  readonly #byChannel = new Map<ChannelId, Amount>();
  #total = ZERO;

  constructor(most: Amount) {
    this.most = most;
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

  /** What a channel counts for from now on. Channels that count for nothing take no memory. */
  set(channel: ChannelId, exposure: Amount): void {
    const before = this.#byChannel.get(channel) ?? ZERO;
    if (exposure === before) return;
    this.#total = amount(this.#total - before + exposure);
    if (exposure === 0n) this.#byChannel.delete(channel);
    else this.#byChannel.set(channel, exposure);
  }
}
