import type { Amount } from '../core/base/amount.ts';
import type { Coin } from '../core/coin/coin.ts';
import { type Clock, type NodeStatus, type Tip, WorldError } from './ports.ts';

/** What is known of a node when something is to be promised. */
export interface NodeReading {
  readonly status: NodeStatus;
  /** The highest height that was ever read. */
  readonly peak: number;
  /** Unix time in milliseconds at which the chain was last read completely. */
  readonly readAt: number;
}

/** Milliseconds after which the last reading does not count any more: as long as an invoice can be paid. */
export const MAX_CHAIN_AGE: number = 10 * 60 * 1000;
/** Milliseconds without an answer after which nothing new is promised: a node that is busy for a moment answers sooner. */
export const MAX_SILENCE: number = 30 * 1000;
/** Headers are one or two ahead of blocks while a block is being fetched. */
const MOST_HEADERS_AHEAD = 10;
/**
 * Block times vary: so many intervals without a block happen by chance once in 10^26 (Poisson). Half of this number only allows for the delay of the
 * median time.
 */
const MOST_SILENT_INTERVALS = 60;
const HOUR = 3600 * 1000;
/** Nodes accept no block with a time farther ahead of their clocks (`validation.cpp`, MAX_FUTURE_BLOCK_TIME). */
const MOST_FUTURE: number = 2 * HOUR;

/**
 * Why nothing may be promised now, from what this node says; undefined when it can be relied on. Deadlines are heights, and what the node shows of
 * deposits is as old as its tip: a node that may be behind is good enough to close, but not to accept anything new.
 */
export function whyUntrusted({ status, peak, readAt }: NodeReading, coin: Coin, now: number): WorldError | undefined {
  const { tip, headers, medianTime, isCatchingUp } = status;
  // A clock that was set back hides the age of the reading as much as one that was set forward.
  if (Math.abs(now - readAt) > MAX_CHAIN_AGE) {
    return new WorldError('node-down', 'The chain was not read in the last ten minutes.', 'Check the node; pawment continues by itself.');
  }
  if (isCatchingUp || headers - tip.height > MOST_HEADERS_AHEAD) {
    return new WorldError('node-behind', `The node is at block ${tip.height} of ${headers}.`, 'Wait until it has caught up.');
  }
  // A reorganisation may leave fewer blocks than before; channels are not made for one that removes so many.
  if (peak - tip.height > coin.channel.buried) {
    return new WorldError(
      'node-behind',
      `The node is at block ${tip.height}, but was at ${peak} before.`,
      'Wait until it has reached that block again.',
    );
  }
  // On regtest, blocks come only on request.
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
  /** Unix time in seconds: the median of the last eleven blocks' times. */
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
  /** The last reading was incomplete because a question got no answer: single answers do not change that, a complete reading does. */
  #isFailing: boolean = false;

  constructor(coin: Coin, clock: Clock) {
    this.#coin = coin;
    this.#clock = clock;
  }

  /** The chain has just been read, completely or except for something that could not be read: both count as a reading as of the time before. */
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

  /** A reading succeeded, or why it did not. A node that is away may be back in a moment; one that shows another chain can't be relied on at all. */
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

  /** Why nothing is accepted any more, not even what was promised before. */
  get doubt(): WorldError | undefined {
    if (this.#reading === undefined) return new WorldError('node-down', 'The chain has not been read yet.', 'Wait until the node answers.');
    return this.#trouble ?? whyUntrusted(this.#reading, this.#coin, this.#clock.now());
  }

  /** Why nothing new is promised. */
  get unready(): WorldError | undefined {
    if (this.doubt !== undefined) return this.doubt;
    const silence = this.#silentSince === undefined ? 0 : Math.abs(this.#clock.now() - this.#silentSince);
    if (silence <= MAX_SILENCE) return undefined;
    const message = `The node has not answered for ${Math.floor(silence / 1000)} seconds.`;
    return new WorldError('node-down', message, 'Check the node; pawment continues by itself.');
  }
}

export function isNoAnswer(error: unknown): boolean {
  return error instanceof WorldError && error.code === 'node-down';
}

/** The node shows another chain than before. */
export function elsewhere(): WorldError {
  const hint = 'Wait until it has caught up, or check which chain it follows.';
  return new WorldError('node-behind', 'The node shows another chain than before.', hint);
}

/** Whether the cause was that, or a node of another coin. */
export function isElsewhere(error: unknown): boolean {
  return error instanceof WorldError && (error.code === 'node-behind' || error.code === 'node-wrong-chain');
}
