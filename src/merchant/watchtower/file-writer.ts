import { setImmediate as breathe } from 'node:timers/promises';
import { type Amount, amount } from '../../core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../../core/base/bytes.ts';
import type { Height } from '../../core/base/height.ts';
import { isRefusal, type RefusalCode } from '../../core/base/refusal.ts';
import { stakedDeposits, unminedStake } from '../../core/channel/payee-close-rbf.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { Book } from '../../engine/engine.ts';
import { keyedMutex } from '../../engine/mutex.ts';
import { type Clock, type KeyRing, type Tip, WorldError } from '../../engine/ports.ts';
import type { Unreadable } from '../../store/folder-files.ts';
import { owedIn } from './deposit-group.ts';
import { feeLadder, feeLaddersPerDeposit } from './fee-ladder.ts';
import type { Emptied, Watched } from './file-format.ts';
import type { WatchFolder } from './folder.ts';
import { valueFor } from './payee-value.ts';

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
  /** Undefined where there was nothing to close with. */
  readonly total: bigint | undefined;
  readonly deposits: number;
  /** How many of the deposits that it uses were in no block. */
  readonly unmined: number;
  /** How many secrets the payee had shown. */
  readonly revoked: number;
  /** The hashes of what was pending. */
  readonly pending: string;
  readonly since: Height;
  readonly at: number;
}

export type GetState = (channel: ChannelId) => Promise<PayeeState | undefined>;

/** Keeps the files for watchers up to date, separately from payments. Learns of every state as a book; writes when it is run. */
export class WatchWriter implements Book<PayeeState> {
  readonly #options: WatchWriterOptions;
  readonly #due = new Set<ChannelId>();
  readonly #written = new Map<ChannelId, Written>();
  readonly #writing = keyedMutex<ChannelId>();
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
    if (state.kind === 'ended' || !isWritten(this.#written.get(channel), state)) this.#due.add(channel);
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

  /**
   * Brings one channel's file up to date at once. After that no watcher reads a close that its payee is about to revoke.
   * @throws WorldError when the file still holds such a close, or can't be read.
   */
  async settle(channel: ChannelId, get: GetState, tip: Tip): Promise<void> {
    await this.#bring(channel, get, tip);
    const [held, state] = [await this.#options.folder.read(channel), await get(channel)];
    if (held === undefined || ('revoked' in held ? held.revoked : 0) >= (state?.revoked ?? 0)) return;
    throw new WorldError(
      'disk-failed',
      `The watch file of channel ${channel} still holds a close that will be revoked.`,
      'Check the watch folder: nothing is given back until the file is written.',
    );
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

  /** Writes of one file wait for each other: a slow write of an older state could otherwise replace a newer one. */
  #bring(channel: ChannelId, get: GetState, tip: Tip): Promise<void> {
    return this.#writing(channel, () => this.#bringDue(channel, get, tip));
  }

  async #bringDue(channel: ChannelId, get: GetState, tip: Tip): Promise<void> {
    // A state that is stored from here on puts the channel back on the list.
    if (!this.#due.delete(channel)) return;
    try {
      const state = await get(channel);
      if (state?.kind === 'ended') await this.#forget(channel);
      else if (state?.best !== undefined) await this.#renew(state, state.best.total, tip);
      else if (state?.revoked !== undefined) await this.#empty(state, state.revoked, tip);
    } catch (error) {
      this.#due.add(channel);
      throw error;
    }
  }

  async #forget(channel: ChannelId): Promise<void> {
    await this.#options.folder.remove(channel);
    this.#written.delete(channel);
  }

  async #empty({ channel, deposits }: PayeeState, revoked: number, tip: Tip): Promise<void> {
    const { folder, clock } = this.#options;
    await folder.empty({ kind: 'emptied', channel, revoked });
    this.#written.set(channel, {
      total: undefined,
      deposits: deposits.length,
      unmined: 0,
      revoked,
      pending: '',
      since: tip.height,
      at: clock.now(),
    });
  }

  async #renew(state: PayeeState, total: Amount, tip: Tip): Promise<void> {
    const { folder, clock, keys, onTrouble } = this.#options;
    const { channel, terms, deposits } = state;
    const before = this.#written.get(channel);
    const held = before === undefined ? await folder.read(channel) : undefined;
    const isHeld = held !== undefined && !('kind' in held);
    if (held !== undefined && isNewer(held)) return onTrouble(channel, { kind: 'file-newer' });
    if (isHeld && isBetter(held, state, total)) return onTrouble(channel, { kind: 'file-better', held: owedIn(held), known: total });
    const unmined = unminedStake(state).length;
    const since = sinceOf(state, isHeld ? held : before) ?? tip.height;
    if (!isHeld || unmined > 0 || !isUpToDate(held, state)) {
      const closes = feeLadder(state, keys.signer(state.keyName));
      if (isRefusal(closes)) return onTrouble(channel, { kind: 'no-close', code: closes.code });
      const apart = feeLaddersPerDeposit(state, keys.signer(state.keyName));
      const total = amount(valueFor(state, closes[0]));
      await folder.write({ channel, terms, deposits, total, since, ...revokedOf(state), closes, ...(apart.length > 0 && { apart }) });
    }
    const written = { total, deposits: deposits.length, unmined, revoked: state.revoked ?? 0, pending: pendingIn(state), since };
    this.#written.set(channel, { ...written, at: clock.now() });
  }
}

/** The deposits of a closing channel may have been spent already: then the file's older height is the safe one to read from. */
function sinceOf({ kind }: PayeeState, before: Pick<Watched, 'since'> | undefined): Height | undefined {
  return kind === 'closing' ? before?.since : undefined;
}

function isNewer(held: Watched | Emptied | Unreadable): boolean {
  return 'kind' in held && held.kind === 'unreadable' && held.newer;
}

/** Whether a file knows more than the store. The total of a revoked payment does not count. */
function isBetter(held: Watched, { revoked = 0 }: PayeeState, total: Amount): boolean {
  const shown = held.revoked ?? 0;
  return shown === revoked ? owedIn(held) > total : shown > revoked;
}

function revokedOf({ revoked, best }: PayeeState): Pick<Watched, 'revoked' | 'hash'> {
  return { ...(revoked !== undefined && { revoked }), ...(best?.hash && { hash: best.hash }) };
}

/** Deposits are only ever added. */
function isWritten(written: Written | undefined, state: PayeeState): boolean {
  if (state.best === undefined && state.revoked === undefined) return true;
  if (written === undefined || written.total !== state.best?.total || written.deposits !== state.deposits.length) return false;
  if (written.revoked !== (state.revoked ?? 0) || written.pending !== pendingIn(state)) return false;
  return written.unmined === unminedStake(state).length;
}

/** Whether a file says all that is known of a channel whose deposits are in blocks. */
function isUpToDate(held: Watched, state: PayeeState): boolean {
  if ((held.revoked ?? 0) !== (state.revoked ?? 0) || !holdsPending(held, state)) return false;
  if (held.total !== state.best?.total || held.deposits.length !== state.deposits.length) return false;
  return held.apart !== undefined || stakedDeposits(state).length < 2;
}

function pendingIn({ best }: PayeeState): string {
  return (best?.locks ?? []).map(({ hash }) => bytesToHex(hash)).join();
}

/** Whether the closes of a file hold what is pending now, and nothing that was. */
function holdsPending({ closes }: Watched, { terms, deposits, best }: PayeeState): boolean {
  const { hashLocks, plan, draft } = terms.contract;
  if (hashLocks === undefined || best === undefined || terms.signing.kind !== 'fixed') return true;
  const { locks = [] } = best;
  const planned = plan(terms, deposits, best.total, best.hash, locks);
  if (isRefusal(planned) || closes[0].outputs.length !== draft(terms, planned).outputs.length) return false;
  return hashLocks.outputs(terms, closes[0], locks).length === locks.length;
}
