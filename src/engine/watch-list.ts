import { bytesToHex, type ChannelId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import { p2sh } from '../core/tx/script.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import type { Watch } from './party.ts';

const NONE: ReadonlySet<ChannelId> = new Set();

/** Channels by what can happen to them, so that a block costs nothing for those it does not touch. */
export class WatchList {
  readonly #watches = new Map<ChannelId, Watch>();
  readonly #byOutpoint = new Map<string, ChannelId>();
  /** One transaction may fund several channels. */
  readonly #bySource = new Map<string, Set<ChannelId>>();
  readonly #byScript = new Map<string, ChannelId>();
  readonly #byDeadline = new Map<number, Set<ChannelId>>();
  /** Wants to see every block. */
  readonly #busy = new Set<ChannelId>();
  #reached = -1;

  /** Takes in a channel as it is now. Cheap when nothing the chain could touch has changed. */
  set(channel: ChannelId, watch: Watch | undefined): void {
    const before = this.#watches.get(channel);
    if (before !== undefined && watch !== undefined && isSame(before, watch)) return;
    if (before !== undefined) this.#drop(channel, before);
    if (watch !== undefined) this.#add(channel, watch);
  }

  get(channel: ChannelId): Watch | undefined {
    return this.#watches.get(channel);
  }

  get channels(): readonly ChannelId[] {
    return [...this.#watches.keys()];
  }

  channelOfOutpoint(key: string): ChannelId | undefined {
    return this.#byOutpoint.get(key);
  }

  /** Channels of which a deposit was made from this outpoint. */
  channelsOfSource(key: string): ReadonlySet<ChannelId> {
    return this.#bySource.get(key) ?? NONE;
  }

  channelOfScript(outputScript: Uint8Array): ChannelId | undefined {
    return outputScript.length === 23 ? this.#byScript.get(bytesToHex(outputScript)) : undefined;
  }

  /** The chain has come to `height`, block by block from the first call on: channels whose deadline that is see every block from now. */
  reach(height: Height): void {
    this.#reached = height;
    for (const channel of this.#byDeadline.get(height) ?? []) this.#busy.add(channel);
  }

  /** Channels whose deadline has come at `height`, whether the chain was read that far or not. Goes through all deadlines. */
  dueAt(height: Height): readonly ChannelId[] {
    return [...this.#byDeadline].flatMap(([deadline, channels]) => (deadline <= height ? [...channels] : []));
  }

  get busy(): ReadonlySet<ChannelId> {
    return this.#busy;
  }

  #add(channel: ChannelId, watch: Watch): void {
    this.#watches.set(channel, watch);
    for (const { outpoint } of watch.deposits) this.#byOutpoint.set(outpointKey(outpoint), channel);
    for (const key of sourceKeys(watch)) this.#bySource.set(key, (this.#bySource.get(key) ?? new Set()).add(channel));
    this.#byScript.set(scriptKey(watch), channel);
    const due = this.#byDeadline.get(watch.deadline) ?? new Set();
    this.#byDeadline.set(watch.deadline, due.add(channel));
    if (watch.isPending || watch.deadline <= this.#reached) this.#busy.add(channel);
  }

  #drop(channel: ChannelId, watch: Watch): void {
    this.#watches.delete(channel);
    for (const { outpoint } of watch.deposits) this.#byOutpoint.delete(outpointKey(outpoint));
    for (const key of sourceKeys(watch)) {
      this.#bySource.get(key)?.delete(channel);
      if (this.#bySource.get(key)?.size === 0) this.#bySource.delete(key);
    }
    this.#byScript.delete(scriptKey(watch));
    const due = this.#byDeadline.get(watch.deadline);
    due?.delete(channel);
    if (due?.size === 0) this.#byDeadline.delete(watch.deadline);
    this.#busy.delete(channel);
  }
}

function isSame(a: Watch, b: Watch): boolean {
  return (
    a.deposits === b.deposits && a.sources === b.sources && a.isPending === b.isPending && a.deadline === b.deadline && a.terms === b.terms
  );
}

function sourceKeys({ sources }: Watch): readonly string[] {
  return sources.flatMap(({ spends }) => spends.map(outpointKey));
}

function scriptKey({ terms }: Watch): string {
  return bytesToHex(p2sh(terms.contract.redeemScript(terms)));
}
