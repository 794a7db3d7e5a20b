import type { ChannelId } from '../../core/base/bytes.ts';
import { keyedMutex } from '../../engine/mutex.ts';
import { PendingChannels } from './pending-channels.ts';

/** The holder of a channel can be sent away. */
export interface Holder {
  readonly leave: () => void;
}

/** What the connections of a server share: who is paying in each channel, and which contracts were stopped half-way. */
export class Attachments {
  readonly openings: PendingChannels = new PendingChannels();
  /** Handles messages and chain events of one channel one after the other. */
  readonly inTurn: <T>(channel: ChannelId, work: () => Promise<T>) => Promise<T> = keyedMutex<ChannelId>();
  readonly #holders = new Map<ChannelId, Holder>();

  /**
   * Gives the channel to a client that has proved its key; the previous holder is sent away, and can come back. False if the client has it already.
   */
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
