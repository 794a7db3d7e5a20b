import { bytesToHex, type ChannelId } from '../core/base/bytes.ts';
import { type Height, isTime, LOCK_TIME_THRESHOLD, type LockTime, lockTime, MAX_LOCK_TIME } from '../core/base/height.ts';
import { type ChainTime, possible } from '../core/base/lock-time.ts';
import type { Deposit } from '../core/contract/contract.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import type { WatchedOutputs } from './channel-role.ts';

const NONE: ReadonlySet<ChannelId> = new Set();
/** Times are grouped in slots of so many seconds, so that the work depends on the number of slots, not of channels. */
const SLOT = 500;

/** Channels by what can happen to them, so that a block takes no time for channels that it does not touch. */
export class WatchList {
  readonly #watches = new Map<ChannelId, WatchedOutputs>();
  readonly #byOutpoint = new Map<string, ChannelId>();
  /** One transaction may fund several channels. */
  readonly #bySource = new Map<string, Set<ChannelId>>();
  readonly #byScript = new Map<string, ChannelId>();
  /** Lengths of all scripts that were ever watched: enough to skip most outputs of a block. */
  readonly #scriptLengths = new Set<number>();
  readonly #byDeadline = new Map<number, Set<ChannelId>>();
  /** Channels that need a view with every block. */
  readonly #busy = new Set<ChannelId>();
  #reached = -1;
  /** Start of the last time slot that was reached. */
  #reachedTime = LOCK_TIME_THRESHOLD;

  /** Updates a channel; returns whether its deadline is new and has come. Cheap when nothing that the chain could touch has changed. */
  set(channel: ChannelId, watch: WatchedOutputs | undefined): boolean {
    const before = this.#watches.get(channel);
    if (before !== undefined && watch !== undefined && isSame(before, watch)) return false;
    if (before !== undefined) this.#drop(channel, before);
    if (watch === undefined) return false;
    this.#add(channel, watch);
    return watch.deadline !== before?.deadline && this.#hasCome(slotOf(watch.deadline));
  }

  get(channel: ChannelId): WatchedOutputs | undefined {
    return this.#watches.get(channel);
  }

  get channels(): readonly ChannelId[] {
    return [...this.#watches.keys()];
  }

  channelOfOutpoint(key: string): ChannelId | undefined {
    return this.#byOutpoint.get(key);
  }

  /** Channels with a deposit that was funded from this outpoint. */
  channelsOfSource(key: string): ReadonlySet<ChannelId> {
    return this.#bySource.get(key) ?? NONE;
  }

  channelOfScript(outputScript: Uint8Array): ChannelId | undefined {
    return this.#scriptLengths.has(outputScript.length) ? this.#byScript.get(bytesToHex(outputScript)) : undefined;
  }

  /** The chain has reached `height`, block by block from the first call on: channels with this deadline get a view with every block from now on. */
  reach(height: Height): void {
    this.#reached = height;
    for (const channel of this.#byDeadline.get(height) ?? []) this.#busy.add(channel);
  }

  /**
   * The time is now `seconds`: channels whose time has come get a view with every block from now on, and are returned. A deadline may be noticed some
   * minutes early.
   */
  reachTime(seconds: number): readonly ChannelId[] {
    const reached = slotOf(lockTime(Math.min(MAX_LOCK_TIME, Math.max(this.#reachedTime, Math.floor(seconds)))));
    const due = this.#slotsTo(reached).flatMap((slot) => [...(this.#byDeadline.get(slot) ?? [])]);
    this.#reachedTime = reached;
    for (const channel of due) this.#busy.add(channel);
    return due;
  }

  /** Channels whose deadline has come, even if the chain was not read that far. Goes through all deadlines. */
  dueAt(at: ChainTime): readonly ChannelId[] {
    return [...this.#watches].flatMap(([channel, { deadline }]) => (deadline <= possible(deadline, at) ? [channel] : []));
  }

  /** The earliest deadline first. */
  byDeadline(channels: readonly ChannelId[]): readonly ChannelId[] {
    const deadlineOf = (channel: ChannelId): number => this.#watches.get(channel)?.deadline ?? MAX_LOCK_TIME;
    return channels.toSorted((a, b) => deadlineOf(a) - deadlineOf(b));
  }

  /** The time slots since the last one that was reached; after a jump, only those with entries. */
  #slotsTo(reached: number): readonly number[] {
    const count = (reached - this.#reachedTime) / SLOT;
    if (count < this.#byDeadline.size) return Array.from({ length: count }, (_, i) => this.#reachedTime + (i + 1) * SLOT);
    return [...this.#byDeadline.keys()].filter((slot) => isTime(slot) && slot > this.#reachedTime && slot <= reached);
  }

  get busy(): ReadonlySet<ChannelId> {
    return this.#busy;
  }

  #add(channel: ChannelId, watch: WatchedOutputs): void {
    this.#watches.set(channel, watch);
    for (const { outpoint } of outputsOf(watch)) this.#byOutpoint.set(outpointKey(outpoint), channel);
    for (const key of sourceKeys(watch)) this.#bySource.set(key, (this.#bySource.get(key) ?? new Set()).add(channel));
    const outputScript = scriptOf(watch);
    this.#scriptLengths.add(outputScript.length);
    this.#byScript.set(bytesToHex(outputScript), channel);
    const slot = slotOf(watch.deadline);
    this.#byDeadline.set(slot, (this.#byDeadline.get(slot) ?? new Set()).add(channel));
    if (watch.isPending || this.#hasCome(slot)) this.#busy.add(channel);
  }

  #hasCome(slot: number): boolean {
    return slot <= (isTime(slot) ? this.#reachedTime : this.#reached);
  }

  #drop(channel: ChannelId, watch: WatchedOutputs): void {
    this.#watches.delete(channel);
    for (const { outpoint } of outputsOf(watch)) this.#byOutpoint.delete(outpointKey(outpoint));
    for (const key of sourceKeys(watch)) {
      this.#bySource.get(key)?.delete(channel);
      if (this.#bySource.get(key)?.size === 0) this.#bySource.delete(key);
    }
    this.#byScript.delete(bytesToHex(scriptOf(watch)));
    const slot = slotOf(watch.deadline);
    const due = this.#byDeadline.get(slot);
    due?.delete(channel);
    if (due?.size === 0) this.#byDeadline.delete(slot);
    this.#busy.delete(channel);
  }
}

function slotOf(deadline: LockTime): number {
  return isTime(deadline) ? deadline - (deadline % SLOT) : deadline;
}

function isSame(a: WatchedOutputs, b: WatchedOutputs): boolean {
  return (
    a.deposits === b.deposits &&
    a.held === b.held &&
    a.sources === b.sources &&
    a.isPending === b.isPending &&
    a.deadline === b.deadline &&
    a.terms === b.terms
  );
}

/** All outputs of which a spend concerns the channel. */
export function outputsOf({ deposits, held = [] }: Pick<WatchedOutputs, 'deposits' | 'held'>): readonly Deposit[] {
  return held.length === 0 ? deposits : [...deposits, ...held];
}

function sourceKeys({ sources }: WatchedOutputs): readonly string[] {
  return sources.flatMap(({ spends }) => spends.map(outpointKey));
}

function scriptOf({ terms }: WatchedOutputs): Uint8Array {
  return terms.contract.outputScript(terms);
}
