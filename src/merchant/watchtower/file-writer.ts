import { setImmediate as breathe } from 'node:timers/promises';
import { type Amount, amount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import type { Height } from '../../core/base/height.ts';
import { isRefusal, type RefusalCode } from '../../core/base/refusal.ts';
import { stakedDeposits, unminedStake } from '../../core/channel/payee-close-rbf.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { Book } from '../../engine/engine.ts';
import type { Clock, KeyRing, Tip } from '../../engine/ports.ts';
import { owedIn } from './deposit-group.ts';
import { feeLadder, feeLaddersPerDeposit } from './fee-ladder.ts';
import type { Watched } from './file-format.ts';
import type { WatchFolder } from './folder.ts';
import { payeeValue } from './payee-value.ts';

export interface WatchWriterOptions {
  readonly coin: Coin;
  readonly folder: WatchFolder;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly onTrouble: (channel: ChannelId, trouble: WatchTrouble) => void;
}

/** Why watchers know less of a channel than they should. */
export type WatchTrouble =
  /** The file holds a better payment than the store: the store is an old copy. The file is not changed. */
  | { readonly kind: 'file-better'; readonly held: bigint; readonly known: bigint }
  | { readonly kind: 'file-newer' }
  /** No close of the channel alone is possible. */
  | { readonly kind: 'no-close'; readonly code: RefusalCode };

/**
 * A channel with steady payments is not written more often than this, in milliseconds. If the merchant is lost for good, the payments of that time
 * are lost too.
 */
const MOST_OFTEN = 3_000;
/** Milliseconds between two heartbeats. */
const BEAT = 10_000;
/** Files written at a time, so that the job does not keep payers waiting. */
const BATCH = 32;

interface Written {
  readonly total: bigint;
  readonly deposits: number;
  /** How many of the deposits that it uses were in no block. */
  readonly unmined: number;
  readonly since: Height;
  readonly at: number;
}

export type GetState = (channel: ChannelId) => Promise<PayeeState | undefined>;

/** Keeps the files for watchers up to date, separately from payments. Learns of every state as a book; writes when it is run. */
export class WatchWriter implements Book<PayeeState> {
  readonly #options: WatchWriterOptions;
  readonly #due = new Set<ChannelId>();
  readonly #written = new Map<ChannelId, Written>();
  #lastBeat = Number.NEGATIVE_INFINITY;
  #sweep: 'due' | 'done' = 'due';

  constructor(options: WatchWriterOptions) {
    this.#options = options;
  }

  open(): void {
    this.#due.clear();
  }

  found(channel: ChannelId, state: PayeeState): void {
    if (state.kind !== 'ended') this.stored(channel, state);
  }

  stored(channel: ChannelId, state: PayeeState): void {
    if (state.kind === 'ended' || (state.best !== undefined && !isWritten(this.#written.get(channel), state))) this.#due.add(channel);
  }

  /** How many channels have an outdated file, or none. */
  get behind(): number {
    return this.#due.size;
  }

  /**
   * Writes what is due, up to a limit, and the heartbeat. `tip` is the height up to which the merchant follows the chain; the heartbeat confirms it.
   * @throws WorldError when the folder can't be used.
   */
  async run(get: GetState, tip: Tip): Promise<void> {
    if (this.#sweep === 'due') await this.#removeEnded(get);
    let left = BATCH;
    for (const channel of this.#due) {
      if (left === 0) break;
      if (this.#options.clock.now() - (this.#written.get(channel)?.at ?? Number.NEGATIVE_INFINITY) < MOST_OFTEN) continue;
      left--;
      await this.#bring(channel, get, tip);
      await breathe();
    }
    await this.#beat(tip);
  }

  /** Removes files of channels that had ended before their merchant stopped. */
  async #removeEnded(get: GetState): Promise<void> {
    const { folder } = this.#options;
    for (const channel of await folder.channels()) if ((await get(channel))?.kind === 'ended') await folder.remove(channel);
    this.#sweep = 'done';
  }

  async #beat({ height }: Tip): Promise<void> {
    const { folder, clock, coin } = this.#options;
    if (clock.now() - this.#lastBeat < BEAT) return;
    await folder.beat({ coin, at: clock.now(), tip: height });
    this.#lastBeat = clock.now();
  }

  async #bring(channel: ChannelId, get: GetState, tip: Tip): Promise<void> {
    const state = await get(channel);
    // A state that is stored from here on puts the channel back on the list.
    this.#due.delete(channel);
    try {
      if (state?.kind === 'ended') await this.#forget(channel);
      else if (state?.best !== undefined) await this.#renew(state, state.best.total, tip);
    } catch (error) {
      this.#due.add(channel);
      throw error;
    }
  }

  async #forget(channel: ChannelId): Promise<void> {
    await this.#options.folder.remove(channel);
    this.#written.delete(channel);
  }

  async #renew(state: PayeeState, total: Amount, tip: Tip): Promise<void> {
    const { folder, clock, keys, onTrouble } = this.#options;
    const { channel, terms, deposits } = state;
    const before = this.#written.get(channel);
    const held = before === undefined ? await folder.read(channel) : undefined;
    const isHeld = held !== undefined && !('kind' in held);
    if (held !== undefined && !isHeld && held.newer) return onTrouble(channel, { kind: 'file-newer' });
    const owed = isHeld ? owedIn(held) : 0n;
    if (owed > total) return onTrouble(channel, { kind: 'file-better', held: owed, known: total });
    const unmined = unminedStake(state).length;
    // The deposits of a closing channel may have been spent already: then the file's older height is the safe one to read from.
    const since = (state.kind === 'closing' ? (isHeld ? held.since : before?.since) : undefined) ?? tip.height;
    if (!isHeld || unmined > 0 || !isUpToDate(held, state)) {
      const closes = feeLadder(state, keys.signer(state.keyName));
      if (isRefusal(closes)) return onTrouble(channel, { kind: 'no-close', code: closes.code });
      const apart = feeLaddersPerDeposit(state, keys.signer(state.keyName));
      const total = amount(payeeValue(state, closes[0]));
      await folder.write({ channel, terms, deposits, total, since, closes, ...(apart.length > 0 && { apart }) });
    }
    this.#written.set(channel, { total, deposits: deposits.length, unmined, since, at: clock.now() });
  }
}

/** Deposits are only ever added. */
function isWritten(written: Written | undefined, state: PayeeState): boolean {
  if (written === undefined || written.total !== state.best?.total || written.deposits !== state.deposits.length) return false;
  return written.unmined === unminedStake(state).length;
}

/** Whether a file says all that is known of a channel whose deposits are in blocks. */
function isUpToDate(held: Watched, state: PayeeState): boolean {
  if (held.total !== state.best?.total || held.deposits.length !== state.deposits.length) return false;
  return held.apart !== undefined || stakedDeposits(state).length < 2;
}
