import type { ChannelId } from '../core/base/bytes.ts';
import type { Payment } from '../core/contract/contract.ts';
import type { Book } from '../engine/engine.ts';

/** A state of either side. */
interface Paid {
  readonly best?: Payment;
  readonly locked?: readonly unknown[];
}

/** The channels in which something is pending: the hub looks at no others. */
export class PendingChannels implements Book<Paid> {
  readonly #channels = new Set<ChannelId>();

  open(): void {
    this.#channels.clear();
  }

  found(channel: ChannelId, state: Paid): void {
    this.stored(channel, state);
  }

  stored(channel: ChannelId, { best, locked }: Paid): void {
    if (best?.locks === undefined && locked === undefined) this.#channels.delete(channel);
    else this.#channels.add(channel);
  }

  get channels(): readonly ChannelId[] {
    return [...this.#channels];
  }
}
