import type { ChannelId } from '../core/base/bytes.ts';
import { type Height, height as heightOf } from '../core/base/height.ts';
import type { Outpoint } from '../core/tx/transaction.ts';
import type { FollowedChannels } from './block-reader.ts';
import { type Follower, type FollowReport, follower } from './chain-follower.ts';
import type { WatchedOutputs } from './channel-role.ts';
import type { ChainSnapshot } from './node-health.ts';
import type { Chain, Clock, ReadingProgress, Store } from './ports.ts';
import { locatorFrom } from './sync-cursor.ts';

/** A channel as a file describes it, for following it. */
export interface FollowedFile {
  readonly watch: WatchedOutputs;
  /** Outputs whose spends matter. */
  readonly outputs: readonly Outpoint[];
  /** A height up to which nothing had spent them. */
  readonly since: Height;
}

export interface StorelessOptions {
  readonly chain: Chain;
  readonly clock: Clock;
  /** All channels as they are known now. */
  readonly all: () => ReadonlyMap<ChannelId, FollowedFile>;
  readonly observe: FollowedChannels['observe'];
  /** An empty store, which lasts as long as the follower. */
  readonly store: () => Store;
  readonly onProgress?: ReadingProgress | undefined;
}

/**
 * A follower that keeps nothing on disk. Nodes do not say which transaction spent an output: where one is gone already, blocks are read again from the
 * height at which it was still there.
 */
export class StorelessFollower {
  readonly #options: StorelessOptions;
  /** Channels that were not known when the chain was last read from the start. */
  readonly #fresh = new Set<ChannelId>();
  #follow: Follower | undefined;

  constructor(options: StorelessOptions) {
    this.#options = options;
  }

  /** A channel is new, or may have other outputs than before. */
  renew(channel: ChannelId): void {
    this.track(channel);
    this.#fresh.add(channel);
  }

  /** What to watch of a channel has changed, or the channel is not known any more. */
  track(channel: ChannelId): void {
    this.#follow?.track(channel, this.#options.all().get(channel)?.watch);
  }

  /** Reads the chain; see `Follower`. @throws WorldError */
  async poll(): Promise<void> {
    const fresh = [...this.#fresh].filter((channel) => this.#options.all().has(channel));
    const isGap = this.#follow !== undefined && (await this.#gapOf(fresh)) !== undefined;
    if (this.#follow === undefined || isGap) this.#follow = await this.#start();
    this.#fresh.clear();
    await this.#follow.poll();
  }

  /** As of the last successful reading; undefined before the first. */
  get seen(): ChainSnapshot | undefined {
    return this.#follow?.report().seen;
  }

  report(): FollowReport {
    return this.#follow?.report() ?? { waiting: 0, missed: 0 };
  }

  /** What is read again is read for all channels: the spends that they have seen so far are forgotten. */
  async #start(): Promise<Follower> {
    const { chain, clock, all, observe, onProgress } = this.#options;
    const store = this.#options.store();
    const since = await this.#gapOf([...all().keys()]);
    // The block at that height may have been another one when it was written down.
    const from = since && (await chain.block(heightOf(Math.max(0, since - chain.coin.channel.buried))));
    if (from !== undefined) await store.commit([locatorFrom(from)]);
    const watches = async function* (): AsyncIterable<readonly [ChannelId, WatchedOutputs]> {
      for (const [channel, { watch }] of all()) yield [channel, watch];
    };
    return follower(chain, store, { all: watches, observe }, clock, { onProgress });
  }

  /** The lowest height from which spends may have been missed. */
  async #gapOf(channels: readonly ChannelId[]): Promise<Height | undefined> {
    const { chain, all } = this.#options;
    const gaps = await Promise.all(
      channels.map(async (channel) => {
        const { outputs = [], since } = all().get(channel) ?? {};
        const found = await Promise.all(outputs.map((outpoint) => chain.output(outpoint)));
        return since !== undefined && found.includes(undefined) ? [since] : [];
      }),
    );
    const [first, ...others] = gaps.flat();
    return first === undefined ? undefined : heightOf(Math.min(first, ...others));
  }
}
