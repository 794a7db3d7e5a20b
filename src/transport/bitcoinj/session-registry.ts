import type { ChannelId } from '../../core/base/bytes.ts';
import { keyedMutex } from '../../engine/mutex.ts';
import { PendingChannels } from './pending-channels.ts';

/** Who holds a channel can be sent away. */
export interface Holder {
  readonly leave: () => void;
}

/** What the connections of a server share: who pays in each channel just now, and what was stopped half-way. */
export class Attachments {
  readonly openings: PendingChannels = new PendingChannels();
  /** Of one channel, what clients say and what the chain shows is taken one after the other. */
  readonly inTurn: <T>(channel: ChannelId, work: () => Promise<T>) => Promise<T> = keyedMutex<ChannelId>();
  readonly #holders = new Map<ChannelId, Holder>();

  /** Gives the channel to a client that has shown its key; whoever had it is sent away, and can come back. False if it has it already. */
  give(channel: ChannelId, holder: Holder): boolean {
    const before = this.#holders.get(channel);
    if (before === holder) return false;
    before?.leave();
    this.#holders.set(channel, holder);
    return true;
  }

  /** False if it did not have it. */
  release(channel: ChannelId, holder: Holder): boolean {
    return this.#holders.get(channel) === holder && this.#holders.delete(channel);
  }
}
