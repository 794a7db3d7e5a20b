import type { ChannelId } from '../core/base/bytes.ts';
import { MOST_FOUND } from '../core/channel/payer-found-deposits.ts';
import type { ChainView } from '../core/channel/state-machine.ts';
import { outpointKey } from '../core/tx/transaction.ts';

type Find = ChainView['found'][number];

/**
 * Outputs to channels' scripts that the channels do not know yet. Only the most valuable of each channel are kept, since anyone can make thousands.
 */
export class DepositScan {
  readonly #byChannel = new Map<ChannelId, readonly Find[]>();
  readonly #channelOf = new Map<string, ChannelId>();

  /** An output can be spent before its channel has processed it. */
  channelOf(key: string): ChannelId | undefined {
    return this.#channelOf.get(key);
  }

  /** @returns whether any of them is kept: known ones are not, nor those worth less than enough others. */
  put(channel: ChannelId, finds: readonly Find[]): boolean {
    const fresh = finds.filter(({ deposit }) => !this.#channelOf.has(outpointKey(deposit.outpoint)));
    if (fresh.length === 0) return false;
    const before = this.#byChannel.get(channel) ?? [];
    const kept = mostValuable([...before, ...fresh], ({ deposit }) => deposit.value);
    this.#byChannel.set(channel, kept);
    for (const { deposit } of before) this.#channelOf.delete(outpointKey(deposit.outpoint));
    for (const { deposit } of kept) this.#channelOf.set(outpointKey(deposit.outpoint), channel);
    return kept.some((find) => !before.includes(find));
  }

  /** What was put since the last call. */
  take(channel: ChannelId): readonly Find[] {
    const finds = this.#byChannel.get(channel) ?? [];
    this.#byChannel.delete(channel);
    for (const { deposit } of finds) this.#channelOf.delete(outpointKey(deposit.outpoint));
    return finds;
  }
}

/** As many as a channel may take. */
export function mostValuable<One>(all: readonly One[], worthOf: (one: One) => bigint): readonly One[] {
  if (all.length <= MOST_FOUND) return all;
  return all.toSorted((a, b) => Number(worthOf(a) < worthOf(b)) - Number(worthOf(a) > worthOf(b))).slice(0, MOST_FOUND);
}
