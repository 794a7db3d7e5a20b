import type { Amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { ChainView } from '../core/channel/machine.ts';
import { MOST_FOUND } from '../core/channel/payer-found.ts';
import { outpointKey } from '../core/tx/transaction.ts';

type Find = ChainView['found'][number];

/** Outputs to scripts of channels that these do not know of yet: of each channel the most valuable, since anybody can make thousands. */
export class Finds {
  readonly #byChannel = new Map<ChannelId, Map<string, Find>>();
  readonly #channelOf = new Map<string, ChannelId>();

  /** An output can be spent before its channel has taken it in. */
  channelOf(key: string): ChannelId | undefined {
    return this.#channelOf.get(key);
  }

  /** @returns false for one that is known, or worth less than enough others. */
  put(channel: ChannelId, find: Find): boolean {
    const key = outpointKey(find.deposit.outpoint);
    if (this.#channelOf.has(key)) return false;
    const finds = this.#byChannel.get(channel) ?? new Map<string, Find>();
    if (finds.size >= MOST_FOUND && !this.#makeRoom(finds, find.deposit.value)) return false;
    this.#byChannel.set(channel, finds.set(key, find));
    this.#channelOf.set(key, channel);
    return true;
  }

  /** What was put since the last call. */
  take(channel: ChannelId): ChainView['found'] {
    const finds = this.#byChannel.get(channel);
    if (finds === undefined) return [];
    this.#byChannel.delete(channel);
    for (const key of finds.keys()) this.#channelOf.delete(key);
    return [...finds.values()];
  }

  #makeRoom(finds: Map<string, Find>, value: Amount): boolean {
    const [least] = [...finds].reduce((a, b) => (b[1].deposit.value < a[1].deposit.value ? b : a));
    if ((finds.get(least)?.deposit.value ?? value) >= value) return false;
    finds.delete(least);
    return this.#channelOf.delete(least);
  }
}
