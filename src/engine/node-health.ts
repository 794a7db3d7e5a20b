import type { Amount } from '../core/base/amount.ts';
import type { Coin } from '../core/coin/coin.ts';
import { type Clock, type NodeStatus, type Tip, WorldError } from './ports.ts';

/** What is known of a node when somebody is to be promised something. */
export interface NodeReading {
  readonly status: NodeStatus;
  /** The highest height that was ever read. */
  readonly peak: number;
  /** Unix time in milliseconds at which the chain was last read whole. */
  readonly readAt: number;
}

/** Milliseconds after which what was read last counts for nothing: as long as an invoice can be paid. */
export const MAX_CHAIN_AGE: number = 10 * 60 * 1000;
/** Milliseconds without an answer after which nothing new is promised: a node that is busy for a moment answers sooner. */
export const MAX_SILENCE: number = 30 * 1000;
/** Headers run ahead of blocks by one or two while a block is on its way. */
const MOST_HEADERS_AHEAD = 10;
/** Block times vary: so many intervals without a block happen by chance once in 10^26 (Poisson), and half of them are the median's own delay. */
const MOST_SILENT_INTERVALS = 60;
const HOUR = 3600 * 1000;
/** No block may be farther ahead of the nodes' clocks (`validation.cpp`, MAX_FUTURE_BLOCK_TIME). */
const MOST_FUTURE: number = 2 * HOUR;

/**
 * Why nothing must be promised now, on what this node says; undefined when it can be relied on. Deadlines are heights, and what the node shows of
 * deposits is as old as its tip: who may be behind goes on closing, and takes nothing new.
 */
export function whyUntrusted({ status, peak, readAt }: NodeReading, coin: Coin, now: number): WorldError | undefined {
  const { tip, headers, medianTime, isCatchingUp } = status;
  // A clock that was set back says no more how long ago that was than one that was set forward.
  if (Math.abs(now - readAt) > MAX_CHAIN_AGE) {
    return new WorldError('node-down', 'The chain was not read in the last ten minutes.', 'Look after the node; it goes on by itself.');
  }
  if (isCatchingUp || headers - tip.height > MOST_HEADERS_AHEAD) {
    return new WorldError('node-behind', `The node is at block ${tip.height} of ${headers}.`, 'Wait until it has caught up.');
  }
  // A reorganisation may leave fewer blocks than before; one that takes this many is none that a channel was made for.
  if (peak - tip.height > coin.channel.buried) {
    return new WorldError('node-behind', `The node is at block ${tip.height}, and was at ${peak}.`, 'Wait until it is there again.');
  }
  // On regtest blocks come when somebody asks for them.
  if (coin.network === 'regtest') return undefined;
  if (medianTime - now > MOST_FUTURE) {
    return new WorldError('node-behind', 'This computer’s clock is hours behind the chain.', 'Set the clock.');
  }
  const most = Math.max(HOUR, MOST_SILENT_INTERVALS * coin.blockSeconds * 1000);
  if (now - medianTime <= most) return undefined;
  const minutes = Math.floor((now - medianTime) / 60_000);
  return new WorldError('node-behind', `The last blocks are ${minutes} minutes old.`, 'Check the node’s connections, and the clock.');
}

/** The chain as it was last read. */
export interface ChainSnapshot {
  readonly tip: Tip;
  /** Unix time in seconds: the middle of the last eleven blocks'. */
  readonly medianTime: number;
  /** Units per 1,000 bytes. */
  readonly feeRate: Amount;
}

/** What was last read of a chain, and whether it can be relied on. */
export class NodeHealth {
  readonly #coin: Coin;
  readonly #clock: Clock;
  #reading: (NodeReading & { readonly feeRate: Amount }) | undefined;
  #trouble: WorldError | undefined;
  /** Unix time in milliseconds of the first question that waits for an answer, or got none. */
  #silentSince: number | undefined;
  /** The last reading got no answer to something: single answers say little until one comes through. */
  #isFailing: boolean = false;

  constructor(coin: Coin, clock: Clock) {
    this.#coin = coin;
    this.#clock = clock;
  }

  /** The chain has been read just now, whole or with something that could not be read: that counts as a reading of the time before. */
  take(
    status: NodeStatus,
    { peak, feeRate, isWhole }: Pick<NodeReading, 'peak'> & { readonly feeRate: Amount; readonly isWhole: boolean },
  ): void {
    this.#reading = { status, peak, feeRate, readAt: isWhole ? this.#clock.now() : (this.#reading?.readAt ?? 0) };
    if (isWhole) this.#isFailing = false;
  }

  asked(): void {
    this.#silentSince ??= this.#clock.now();
  }

  answered(): void {
    if (!this.#isFailing) this.#silentSince = undefined;
  }

  /** A reading came through, or why not. A node that is away may be back in a moment; one that shows another chain is not to be relied on at all. */
  conclude(error?: unknown): void {
    this.#isFailing = isNoAnswer(error);
    if (this.#isFailing) this.asked();
    else this.answered();
    if (error === undefined) this.#trouble = undefined;
    else if (error instanceof WorldError && !this.#isFailing) this.#trouble = error;
  }

  get readAt(): number | undefined {
    return this.#reading?.readAt;
  }

  get seen(): ChainSnapshot | undefined {
    if (this.#reading === undefined) return undefined;
    const { status, feeRate } = this.#reading;
    return { tip: status.tip, medianTime: Math.floor(status.medianTime / 1000), feeRate };
  }

  /** Why nothing is to be taken any more, not even what was promised before. */
  get doubt(): WorldError | undefined {
    if (this.#reading === undefined) return new WorldError('node-down', 'The chain has not been read yet.', 'Wait until the node answers.');
    return this.#trouble ?? whyUntrusted(this.#reading, this.#coin, this.#clock.now());
  }

  /** Why nothing new is to be promised. */
  get unready(): WorldError | undefined {
    if (this.doubt !== undefined) return this.doubt;
    const silence = this.#silentSince === undefined ? 0 : Math.abs(this.#clock.now() - this.#silentSince);
    if (silence <= MAX_SILENCE) return undefined;
    const message = `The node has not answered for ${Math.floor(silence / 1000)} seconds.`;
    return new WorldError('node-down', message, 'Look after the node; it goes on by itself.');
  }
}

/** The node gave no answer. */
export function isNoAnswer(error: unknown): boolean {
  return error instanceof WorldError && error.code === 'node-down';
}

/** The node shows another chain than what was read. */
export function elsewhere(): WorldError {
  const hint = 'Wait until it has caught up, or check which chain it follows.';
  return new WorldError('node-behind', 'The node shows another chain than before.', hint);
}

/** Whether that, or another coin's, is what stood in the way. */
export function isElsewhere(error: unknown): boolean {
  return error instanceof WorldError && (error.code === 'node-behind' || error.code === 'node-wrong-chain');
}
