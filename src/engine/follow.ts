import { z } from 'zod';
import type { ChannelId } from '../core/base/bytes.ts';
import { after, type Height, height as heightOf } from '../core/base/height.ts';
import type { ChainView } from '../core/channel/machine.ts';
import { heightField } from '../core/message/fields.ts';
import { type Seen, Trust } from './judge.ts';
import { serially } from './lock.ts';
import { viewOf } from './lookup.ts';
import type { Watch } from './party.ts';
import { type Block, type Chain, type Clock, type Store, type Tip, WorldError, type Write } from './ports.ts';
import { restoredJson } from './restore.ts';
import { Sightings } from './sightings.ts';
import { cutTrail, extendTrail, findFork, headOf } from './trail.ts';
import { UnconfirmedReader } from './unconfirmed.ts';
import { WatchList } from './watch-list.ts';

/** One side's channels, as far as the chain concerns them. */
export interface Followed {
  readonly all: () => AsyncIterable<readonly [ChannelId, Watch | undefined]>;
  /** False when the view did not get through: it is made again at the next reading. */
  readonly observe: (channel: ChannelId, view: ChainView) => Promise<boolean>;
}

export interface Follower {
  /** Takes in what is new: blocks, reorganisations, the mempool. Turns it into views for the channels concerned, and stores how far it read. */
  readonly poll: () => Promise<void>;
  /** A channel has a new state. */
  readonly track: (channel: ChannelId, watch: Watch | undefined) => void;
  /** As of the last poll that came through: enough to do what is due. @throws WorldError `node-down` before the first. */
  readonly seen: () => Seen;
  /** The same for promising anything new. @throws WorldError `node-…` while the node can't be relied on. */
  readonly trusted: () => Seen;
  readonly report: () => FollowReport;
}

/** How far the chain was read, and what stands in the way: for screens and alarms. */
export interface FollowReport {
  readonly seen?: Seen;
  /** Unix time in milliseconds of the last poll that came through. */
  readonly readAt?: number;
  /** Why nothing new is promised. */
  readonly doubt?: WorldError;
  /** Channels whose view did not get through yet. */
  readonly waiting: number;
  /** Blocks that went by unread because the node had deleted them. */
  readonly missed: number;
}

const CURSOR = { kind: 'follow', id: 'trail' };
const marks = z.array(z.strictObject({ height: heightField, hash: z.string() })).min(1);
// Earlier versions stored the marks alone.
const trailField = z.union([z.strictObject({ trail: marks, peak: heightField }), marks.transform((trail) => ({ trail, peak: undefined }))]);

/** Reads the chain once for all channels of a store. What it has read is stored last, so a crash only makes it read the same again. */
export function follower(chain: Chain, store: Store, followed: Followed, clock: Clock): Follower {
  const reader = new Reader(chain, store, followed, clock);
  const { trust } = reader;
  const inTurn = serially<'poll'>();
  const seen = (): Seen => {
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
    track: (channel, watch) => reader.list.set(channel, watch),
    seen,
    trusted: () => {
      if (trust.doubt !== undefined) throw trust.doubt;
      return seen();
    },
    report: () => {
      const { seen: last, readAt, doubt } = trust;
      return {
        waiting: reader.waiting,
        missed: reader.missed,
        ...(last && { seen: last }),
        ...(readAt && { readAt }),
        ...(doubt && { doubt }),
      };
    },
  };
}

/** Has a follower of an empty store read on from a block, as if it had read up to there before. */
export function trailFrom({ height, hash }: Tip): Write {
  return { ...CURSOR, expected: 0, value: JSON.stringify({ trail: [{ height, hash }], peak: height }) };
}

/** Has the next follower of a store read the blocks after `mark` again, if it had read farther: for channels that were found later than they began. */
export async function followFrom(store: Store, mark: Tip): Promise<readonly Write[]> {
  const record = await store.get(CURSOR.kind, CURSOR.id);
  if (record === undefined) return [trailFrom(mark)];
  const { trail, peak } = readTrail(record.value);
  const head = headOf(trail);
  if (head.height <= mark.height) return [];
  const value = JSON.stringify({ trail: [...trail.filter(({ height }) => height < mark.height), mark], peak: peak ?? head.height });
  return [{ ...CURSOR, expected: record.version, value }];
}

class Reader {
  readonly list = new WatchList();
  readonly trust: Trust;
  /** Blocks that went by unread. */
  missed = 0;
  readonly #chain: Chain;
  readonly #store: Store;
  readonly #followed: Followed;
  readonly #sightings: Sightings;
  readonly #unconfirmed: UnconfirmedReader;
  /** Channels that the last view did not get through to. */
  readonly #again = new Set<ChannelId>();
  #cursor: Cursor | undefined;

  constructor(chain: Chain, store: Store, followed: Followed, clock: Clock) {
    this.#chain = chain;
    this.#store = store;
    this.#followed = followed;
    this.trust = new Trust(chain.coin, clock);
    this.#sightings = new Sightings(store, this.list);
    this.#unconfirmed = new UnconfirmedReader(chain, this.#sightings);
  }

  get waiting(): number {
    return this.#again.size;
  }

  async read(): Promise<void> {
    const isFirst = this.#cursor === undefined;
    const before = this.#cursor ?? (await this.#start());
    const status = await this.#chain.status();
    const blocks = await readOn(this.#chain, before.trail, status.tip, this.list, this.#sightings);
    const mempool = await this.#unconfirmed.read();
    const tip = headOf(blocks.trail);
    const isNews = isFirst || blocks.trail !== before.trail;
    const feeRate = isNews ? await this.#chain.feeRate() : (this.trust.seen?.feeRate ?? this.#chain.coin.policy.feeRate);
    const peak = heightOf(Math.max(before.peak, tip.height));
    this.missed += blocks.missed;
    this.trust.take({ ...status, tip }, peak, feeRate);
    const due = isNews ? [...this.list.busy, ...this.#sightings.ending] : [];
    const isAll = isFirst || blocks.isReorganised || blocks.missed > 0;
    const concerned = isAll ? this.list.channels : [...this.#again, ...blocks.touched, ...mempool, ...due];
    const failures: unknown[] = [];
    for (const channel of new Set(concerned)) await this.#observe(channel, tip).catch((error: unknown) => failures.push(error));
    this.#cursor = await saveCursor(this.#store, { ...before, trail: blocks.trail, peak }, this.#sightings, this.#again.size === 0);
    for (const failure of failures) throw failure;
  }

  async #start(): Promise<Cursor> {
    const loaded = await loadCursor(this.#chain, this.#store);
    this.list.reach(headOf(loaded.trail).height);
    for await (const [channel, watch] of this.#followed.all()) this.list.set(channel, watch);
    await this.#sightings.load();
    // Stored before anything is promised: who could not keep where reading began would begin later next time, and miss what is in between.
    return saveCursor(this.#store, loaded, this.#sightings, true);
  }

  /** What fails for one channel is its own affair: the others see their views, and it sees its own again at the next reading. */
  async #observe(channel: ChannelId, tip: Tip): Promise<void> {
    this.#again.delete(channel);
    const watch = this.list.get(channel);
    if (watch === undefined) return;
    const found = this.#sightings.takeFound(channel);
    let isThrough = false;
    try {
      const view = await this.#viewAt(tip, watch, found);
      isThrough = view !== undefined && (await this.#followed.observe(channel, view));
    } finally {
      if (!isThrough) {
        this.#sightings.putFound(channel, found);
        this.#again.add(channel);
      }
    }
  }

  /**
   * What is missing may have been spent since mempool and blocks were read, and a machine gives it up when that is late. So it counts only when
   * the mempool, read again, does not spend it and no block has come. Undefined when one has.
   */
  async #viewAt(tip: Tip, watch: Watch, found: ChainView['found']): Promise<ChainView | undefined> {
    const look = (): Promise<ChainView> => viewOf(this.#chain, watch, (key) => this.#sightings.spendOf(key, tip.height), found);
    const view = await look();
    if (![...view.deposits.values()].some(({ kind }) => kind === 'missing')) return view;
    await this.#unconfirmed.read();
    return (await this.#chain.tip()).hash === tip.hash ? look() : undefined;
  }
}

/** How far the chain was read for a store, by whoever followed it last; undefined when nobody has. @throws WorldError `store-damaged` */
export async function lastRead(store: Store): Promise<Tip | undefined> {
  const record = await store.get(CURSOR.kind, CURSOR.id);
  return record && headOf(readTrail(record.value).trail);
}

function readTrail(text: string): z.output<typeof trailField> {
  return restoredJson(trailField, 'The record of the blocks read', text);
}

interface Cursor {
  /** Of the stored record: what is read runs ahead of what is stored while a view has not got through. */
  readonly version: number;
  readonly stored: readonly Tip[] | undefined;
  readonly trail: readonly Tip[];
  readonly peak: Height;
}

async function loadCursor(chain: Chain, store: Store): Promise<Cursor> {
  const record = await store.get(CURSOR.kind, CURSOR.id);
  if (record === undefined) {
    const trail = await freshTrail(chain);
    return { version: 0, stored: undefined, trail, peak: headOf(trail).height };
  }
  const { trail, peak } = readTrail(record.value);
  return { version: record.version, stored: trail, trail, peak: peak ?? headOf(trail).height };
}

/** Starts at the tip, with a mark below what a reorganisation may take away: it has to find its way back also from the first block it saw. */
async function freshTrail(chain: Chain): Promise<readonly Tip[]> {
  const tip = await chain.tip();
  const below = await chain.block(heightOf(Math.max(0, tip.height - chain.coin.channel.buried)));
  return below === undefined || below.height === tip.height ? [tip] : [{ height: below.height, hash: below.hash }, tip];
}

async function saveCursor(store: Store, cursor: Cursor, sightings: Sightings, isThrough: boolean): Promise<Cursor> {
  const spends = sightings.writes();
  const { trail, peak, version } = cursor;
  const value = JSON.stringify({ trail, peak });
  const moved: readonly Write[] = isThrough && trail !== cursor.stored ? [{ ...CURSOR, expected: version, value }] : [];
  if (moved.length + spends.length === 0) return cursor;
  if (!(await store.commit([...moved, ...spends]))) {
    throw new WorldError('store-busy', 'Another process follows the chain on this store.', 'Let one process serve a store.');
  }
  sightings.committed(spends);
  return moved.length === 0 ? cursor : { ...cursor, version: version + 1, stored: trail };
}

interface ReadBlocks {
  readonly trail: readonly Tip[];
  readonly touched: readonly ChannelId[];
  readonly isReorganised: boolean;
  readonly missed: number;
}

/** Reads on; where the node has deleted what comes next, at its tip: what happened in between shows only by what is unspent. */
async function readOn(chain: Chain, from: readonly Tip[], tip: Tip, list: WatchList, sightings: Sightings): Promise<ReadBlocks> {
  try {
    return { ...(await readBlocks(chain, from, tip, list, sightings)), missed: 0 };
  } catch (error) {
    if (!(error instanceof WorldError && error.code === 'node-pruned')) throw error;
    const trail = await freshTrail(chain);
    list.reach(headOf(trail).height);
    return { trail, touched: [], isReorganised: true, missed: Math.max(0, headOf(trail).height - headOf(from).height) };
  }
}

/** Reads on to the tip, going back to the fork first where the chain was reorganised. */
async function readBlocks(
  chain: Chain,
  from: readonly Tip[],
  tip: Tip,
  list: WatchList,
  sightings: Sightings,
): Promise<Omit<ReadBlocks, 'missed'>> {
  const touched: ChannelId[] = [];
  let [trail, isReorganised] = [from, false];
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
        'node-behind',
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
