import type { ChannelId } from '../core/base/bytes.ts';
import { BlockReader, type FollowedChannels } from './block-reader.ts';
import type { WatchedOutputs } from './channel-role.ts';
import type { ReadingOptions } from './mempool-reader.ts';
import { keyedMutex } from './mutex.ts';
import type { ChainSnapshot } from './node-health.ts';
import type { Chain, Clock, Store, WorldError } from './ports.ts';

export interface Follower {
  /** Reads what is new: blocks, reorganisations, the mempool. Gives views to the channels that it concerns, and stores how far it read. */
  readonly poll: () => Promise<void>;
  /** A channel has a new state. */
  readonly track: (channel: ChannelId, watch: WatchedOutputs | undefined) => void;
  /** As of the last successful poll: enough to do what is due. @throws WorldError `node-down` before the first. */
  readonly seen: () => ChainSnapshot;
  /** The same for keeping earlier promises. @throws WorldError `node-…` while what was read of the node can't be relied on. */
  readonly trusted: () => ChainSnapshot;
  /** The same for new promises. @throws WorldError as `trusted`, and when the node has not answered for half a minute. */
  readonly ready: () => ChainSnapshot;
  readonly report: () => FollowReport;
}

/** How far the chain was read, and what is wrong: for screens and alarms. */
export interface FollowReport {
  readonly seen?: ChainSnapshot;
  /** Unix time in milliseconds of the last successful poll. */
  readonly readAt?: number;
  /** Why nothing is accepted any more. */
  readonly doubt?: WorldError;
  /** Why nothing new is promised: the same reason, or one that appears earlier. */
  readonly unready?: WorldError;
  /** Channels whose view could not be processed yet. */
  readonly waiting: number;
  /** Blocks that were never read because the node had deleted them. */
  readonly missed: number;
}

/** Reads the chain once for all channels of a store. How far it read is stored last, so after a crash it only reads the same blocks again. */
export function follower(chain: Chain, store: Store, followed: FollowedChannels, clock: Clock, reading: ReadingOptions = {}): Follower {
  const reader = new BlockReader(chain, store, followed, clock, reading);
  const { trust } = reader;
  const inTurn = keyedMutex<'poll'>();
  const seen = (): ChainSnapshot => {
    if (trust.seen === undefined) throw trust.doubt ?? new Error('what was read is known');
    return trust.seen;
  };
  return {
    poll: () =>
      inTurn('poll', async () => {
        try {
          await reader.read();
          trust.conclude();
        } catch (error) {
          trust.conclude(error);
          throw error;
        }
      }),
    track: (channel, watch) => reader.track(channel, watch),
    seen,
    trusted: () => {
      if (trust.doubt !== undefined) throw trust.doubt;
      return seen();
    },
    ready: () => {
      if (trust.unready !== undefined) throw trust.unready;
      return seen();
    },
    report: () => {
      const { seen: last, readAt, doubt, unready } = trust;
      return {
        waiting: reader.waiting,
        missed: reader.missed,
        ...(last && { seen: last }),
        ...(readAt && { readAt }),
        ...(doubt && { doubt }),
        ...(unready && { unready }),
      };
    },
  };
}
