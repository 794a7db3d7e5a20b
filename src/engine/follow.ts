import { z } from 'zod';
import type { Amount } from '../core/base/amount.ts';
import type { ChannelId, TxId } from '../core/base/bytes.ts';
import { after, type Height, height as heightOf } from '../core/base/height.ts';
import type { ChainView } from '../core/channel/machine.ts';
import { heightField } from '../core/message/fields.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { serially } from './lock.ts';
import { viewOf } from './lookup.ts';
import type { Watch } from './party.ts';
import { type Block, type Chain, type Clock, type Store, type Tip, WorldError, type Write } from './ports.ts';
import { Sightings } from './sightings.ts';
import { cutTrail, extendTrail, findFork, headOf } from './trail.ts';
import { WatchList } from './watch-list.ts';

/** One side's channels, as far as the chain concerns them. */
export interface Followed {
  readonly all: () => AsyncIterable<readonly [ChannelId, Watch | undefined]>;
  readonly observe: (channel: ChannelId, view: ChainView) => Promise<void>;
}

export interface Follower {
  /** Takes in what is new: blocks, reorganisations, the mempool. Turns it into views for the channels concerned, and stores how far it read. */
  readonly poll: () => Promise<void>;
  /** A channel has a new state. */
  readonly track: (channel: ChannelId, watch: Watch | undefined) => void;
  /** As of the last poll that came through. @throws WorldError `node-down` before the first, and when it is too long ago to act on. */
  readonly seen: () => Seen;
}

export interface Seen {
  readonly tip: Tip;
  readonly feeRate: Amount;
}

/** Milliseconds after which what was read last counts for nothing. */
const MOST_STALE = 10 * 60 * 1000;

const CURSOR = { kind: 'follow', id: 'trail' };
const trailField = z.array(z.strictObject({ height: heightField, hash: z.string() })).min(1);

/** Reads the chain once for all channels of a store. What it has read is stored last, so a crash only makes it read the same again. */
export function follower(chain: Chain, store: Store, followed: Followed, clock: Clock): Follower {
  const list = new WatchList();
  const sightings = new Sightings(store, list);
  const unconfirmed = new UnconfirmedReader(chain, sightings);
  const inTurn = serially<'poll'>();
  let cursor: Cursor | undefined;
  let seen: Seen | undefined;
  let lastRead = Number.NEGATIVE_INFINITY;

  const start = async (): Promise<Cursor> => {
    const loaded = await loadCursor(chain, store);
    list.reach(headOf(loaded.trail).height);
    for await (const [channel, watch] of followed.all()) list.set(channel, watch);
    await sightings.load();
    return loaded;
  };

  const poll = async (): Promise<void> => {
    const isFirst = cursor === undefined;
    const before = cursor ?? (await start());
    const read = await readBlocks(chain, before.trail, list, sightings);
    const { height } = headOf(read.trail);
    const mempool = await unconfirmed.read();
    const isNews = isFirst || read.trail !== before.trail;
    if (isNews) seen = { tip: headOf(read.trail), feeRate: await chain.feeRate() };
    lastRead = clock.now();
    const due = isNews ? [...list.busy, ...sightings.ending] : [];
    const concerned = isFirst || read.isReorganised ? list.channels : [...new Set([...read.touched, ...mempool, ...due])];
    for (const channel of concerned) await observe(channel, height);
    cursor = await saveCursor(store, { ...before, trail: read.trail }, sightings, before.trail);
  };

  const observe = async (channel: ChannelId, tip: Height): Promise<void> => {
    const watch = list.get(channel);
    if (watch === undefined) return;
    const found = sightings.takeFound(channel);
    await followed.observe(channel, await viewOf(chain, watch.deposits, (key) => sightings.spendOf(key, tip), found));
  };

  return {
    poll: () => inTurn('poll', poll),
    track: (channel, watch) => list.set(channel, watch),
    seen: () => {
      if (seen === undefined) throw new WorldError('node-down', 'The chain has not been read yet.', 'Wait until the node answers.');
      // Deadlines are heights: who does not know the height must not promise anything.
      if (clock.now() - lastRead <= MOST_STALE) return seen;
      throw new WorldError('node-down', 'The chain could not be read for ten minutes.', 'Look after the node; it goes on by itself.');
    },
  };
}

/** Has a follower of an empty store read on from a block, as if it had read up to there before. */
export function trailFrom({ height, hash }: Tip): Write {
  return { ...CURSOR, expected: 0, value: JSON.stringify([{ height, hash }]) };
}

interface Cursor {
  readonly version: number;
  readonly trail: readonly Tip[];
}

async function loadCursor(chain: Chain, store: Store): Promise<Cursor> {
  const record = await store.get(CURSOR.kind, CURSOR.id);
  if (record === undefined) return { version: 0, trail: await freshTrail(chain) };
  const trail = trailField.safeParse(JSON.parse(record.value));
  if (!trail.success)
    throw new WorldError('store-damaged', 'The record of the blocks read is damaged.', 'Restore the store from a backup.');
  return { version: record.version, trail: trail.data };
}

/** Starts at the tip, with a mark below what a reorganisation may take away: it has to find its way back also from the first block it saw. */
async function freshTrail(chain: Chain): Promise<readonly Tip[]> {
  const tip = await chain.tip();
  const below = await chain.block(heightOf(Math.max(0, tip.height - chain.coin.channel.buried)));
  return below === undefined || below.height === tip.height ? [tip] : [{ height: below.height, hash: below.hash }, tip];
}

async function saveCursor(store: Store, cursor: Cursor, sightings: Sightings, before: readonly Tip[]): Promise<Cursor> {
  const spends = sightings.writes();
  const isMoved = cursor.trail !== before || cursor.version === 0;
  const trail: readonly Write[] = isMoved ? [{ ...CURSOR, expected: cursor.version, value: JSON.stringify(cursor.trail) }] : [];
  if (trail.length + spends.length === 0) return cursor;
  if (!(await store.commit([...trail, ...spends]))) {
    throw new WorldError('store-busy', 'Another process follows the chain on this store.', 'Let one process serve a store.');
  }
  sightings.committed(spends);
  return { ...cursor, version: cursor.version + trail.length };
}

interface ReadBlocks {
  readonly trail: readonly Tip[];
  readonly touched: readonly ChannelId[];
  readonly isReorganised: boolean;
}

/** Reads on to the tip, going back to the fork first where the chain was reorganised. */
async function readBlocks(chain: Chain, from: readonly Tip[], list: WatchList, sightings: Sightings): Promise<ReadBlocks> {
  const touched: ChannelId[] = [];
  let [trail, isReorganised] = [from, false];
  const tip = await chain.tip();
  while (headOf(trail).hash !== tip.hash) {
    const next = await chain.block(after(headOf(trail).height, 1));
    if (next !== undefined && next.previous === headOf(trail).hash) {
      touched.push(...readBlock(next, sightings));
      trail = extendTrail(trail, { height: next.height, hash: next.hash });
      list.reach(next.height);
      continue;
    }
    const fork = await findFork(chain, trail);
    if (fork === undefined)
      throw new WorldError(
        'node-down',
        'The node shows another chain than before.',
        'Wait until it has caught up, or check which chain it follows.',
      );
    // Nothing new, and the head is still in the chain: the node's tip moved between two calls.
    if (fork.hash === headOf(trail).hash) break;
    [trail, isReorganised] = [cutTrail(trail, fork.height), true];
    sightings.rollBack(fork.height);
  }
  return { trail, touched, isReorganised };
}

function readBlock(block: Block, sightings: Sightings): readonly ChannelId[] {
  return block.transactions.flatMap(({ transaction }) => sightings.note(transaction, block.height));
}

/** Reads each mempool transaction once, and keeps those that touch a channel for as long as they stay there. */
class UnconfirmedReader {
  readonly #chain: Chain;
  readonly #sightings: Sightings;
  #known = new Map<TxId, Transaction | undefined>();

  constructor(chain: Chain, sightings: Sightings) {
    this.#chain = chain;
    this.#sightings = sightings;
  }

  async read(): Promise<readonly ChannelId[]> {
    this.#sightings.forgetUnconfirmed();
    const known = new Map<TxId, Transaction | undefined>();
    const touched: ChannelId[] = [];
    for (const txid of await this.#chain.mempool()) {
      const transaction = this.#known.has(txid) ? this.#known.get(txid) : (await this.#chain.transaction(txid))?.transaction;
      const channels = transaction === undefined ? [] : this.#sightings.note(transaction, undefined);
      known.set(txid, channels.length > 0 ? transaction : undefined);
      touched.push(...channels);
    }
    this.#known = known;
    return touched;
  }
}
