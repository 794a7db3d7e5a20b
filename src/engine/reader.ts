import type { Amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { after, height as heightOf } from '../core/base/height.ts';
import type { ChainView } from '../core/channel/machine.ts';
import { type Cursor, freshTrail, loadCursor, saveCursor } from './cursor.ts';
import { Trust } from './judge.ts';
import { viewOf } from './lookup.ts';
import type { Watch } from './party.ts';
import { type Block, type Chain, type Clock, type Store, type Tip, WorldError } from './ports.ts';
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

/** A chain that forks more often than this in one reading is none. */
const MOST_FORKS = 10;

/** Reads the chain block by block, and shows each channel what concerns it. Whatever fails, what was read is not read again until a restart. */
export class Reader {
  readonly list: WatchList = new WatchList();
  readonly trust: Trust;
  /** Blocks that went by unread. */
  missed: number = 0;
  readonly #chain: Chain;
  readonly #store: Store;
  readonly #followed: Followed;
  readonly #clock: Clock;
  readonly #sightings: Sightings;
  readonly #unconfirmed: UnconfirmedReader;
  /** Channels that have something to be shown. */
  readonly #again = new Set<ChannelId>();
  /** Hash of the tip that all who wait for blocks have been shown. */
  #shown: string | undefined;
  #cursor: Cursor | undefined;
  #feeRate: Amount;

  constructor(chain: Chain, store: Store, followed: Followed, clock: Clock) {
    this.#chain = chain;
    this.#store = store;
    this.#followed = followed;
    this.#feeRate = chain.coin.policy.feeRate;
    this.#clock = clock;
    this.trust = new Trust(chain.coin, clock);
    this.#sightings = new Sightings(store, this.list);
    this.#unconfirmed = new UnconfirmedReader(chain, this.#sightings);
  }

  get waiting(): number {
    return this.#again.size;
  }

  /**
   * Reads what can be read, and shows channels what is due by that: where blocks can't be read, deadlines come nearer all the same.
   * @throws WorldError what stood in the way, after all that; `node-behind` before anything when the node shows another chain.
   */
  async read(): Promise<void> {
    await this.#start();
    const status = await this.#chain.status();
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>): Promise<void> => work.catch((error: unknown) => void failures.push(error));
    await attempt(this.#readBlocks(status.tip));
    if (failures.some(isElsewhere)) throw failures[0];
    const tip = failures.length === 0 ? headOf(this.#trail) : status.tip;
    await attempt(this.#unconfirmed.read(this.#again));
    const isWhole = failures.length === 0;
    const isNews = this.#shown !== tip.hash;
    if (isNews) await attempt(this.#readFeeRate());
    this.trust.take({ ...status, tip }, { peak: this.#cursor?.peak ?? 0, feeRate: this.#feeRate, isWhole });
    const at = { tip: tip.height, medianTime: Math.floor(status.medianTime / 1000), now: this.#clock.now() };
    for (const channel of this.list.reachTime(Math.max(at.medianTime, at.now / 1000))) this.#again.add(channel);
    if (!isWhole) for (const channel of this.list.dueAt(at)) this.#again.add(channel);
    for (const channel of this.#concerned(isNews)) await attempt(this.#observe(channel, tip, isWhole));
    this.#shown = isWhole ? tip.hash : undefined;
    await this.#save();
    for (const failure of failures) throw failure;
  }

  async #start(): Promise<void> {
    if (this.#cursor !== undefined) return;
    const loaded = await loadCursor(this.#chain, this.#store);
    const head = headOf(loaded.trail);
    this.list.reach(head.height);
    for await (const [channel, watch] of this.#followed.all()) this.list.set(channel, watch);
    await this.#sightings.load();
    // Spends may have been stored of blocks that are to be read again: whether those are in the chain still is seen then.
    this.#sightings.rollBack(head.height);
    this.#showAll();
    // Stored before anything is promised: who could not keep where reading began would begin later next time, and miss what is in between.
    this.#cursor = await saveCursor(this.#store, loaded, this.#sightings, true);
  }

  async #save(): Promise<void> {
    if (this.#cursor === undefined) return;
    this.#cursor = await saveCursor(this.#store, this.#cursor, this.#sightings, this.#again.size === 0);
  }

  get #trail(): readonly Tip[] {
    return this.#cursor?.trail ?? [];
  }

  /** Who is to be shown a view: whoever something happened to, and with every block those that wait for blocks. */
  #concerned(isNews: boolean): ReadonlySet<ChannelId> {
    return new Set(isNews ? [...this.#again, ...this.list.busy, ...this.#sightings.ending] : this.#again);
  }

  #showAll(): void {
    for (const channel of this.list.channels) this.#again.add(channel);
  }

  #moveTo(trail: readonly Tip[]): void {
    if (this.#cursor === undefined) return;
    const { height: at } = headOf(trail);
    this.#cursor = { ...this.#cursor, trail, peak: heightOf(Math.max(this.#cursor.peak, at)) };
  }

  async #readFeeRate(): Promise<void> {
    this.#feeRate = await this.#chain.feeRate();
  }

  /** Reads on; where the node has deleted what comes next, at its tip: what happened in between shows only by what is unspent. */
  async #readBlocks(tip: Tip): Promise<void> {
    try {
      await this.#readTo(tip);
    } catch (error) {
      if (!(error instanceof WorldError && error.code === 'node-pruned')) throw error;
      const before = headOf(this.#trail).height;
      this.#moveTo(await freshTrail(this.#chain));
      const { height: now } = headOf(this.#trail);
      this.list.reach(now);
      this.missed += Math.max(0, now - before);
      this.#showAll();
    }
  }

  /** Reads on to the tip, going back to the fork first where the chain was reorganised. */
  async #readTo(tip: Tip): Promise<void> {
    for (let forks = 0; headOf(this.#trail).hash !== tip.hash; ) {
      const head = headOf(this.#trail);
      const next = await this.#chain.block(after(head.height, 1));
      if (next !== undefined && next.previous === head.hash) {
        this.#take(next);
        continue;
      }
      const fork = await findFork(this.#chain, this.#trail);
      // Nothing new, and the head is still in the chain: the node's tip moved between two calls.
      if (fork?.hash === head.hash) return;
      forks++;
      if (fork === undefined || forks > MOST_FORKS) throw elsewhere();
      this.#moveTo(cutTrail(this.#trail, fork.height));
      this.#sightings.rollBack(fork.height);
      this.#showAll();
    }
  }

  #take(block: Block): void {
    for (const { transaction } of block.transactions) {
      for (const channel of this.#sightings.note(transaction, block.height)) this.#again.add(channel);
    }
    this.#moveTo(extendTrail(this.#trail, { height: block.height, hash: block.hash }));
    this.list.reach(block.height);
  }

  /** What fails for one channel is its own affair: the others see their views, and it sees its own again at the next reading. */
  async #observe(channel: ChannelId, tip: Tip, isWhole: boolean): Promise<void> {
    const watch = this.list.get(channel);
    if (watch === undefined) return void this.#again.delete(channel);
    this.#again.add(channel);
    const found = this.#sightings.takeFound(channel);
    let isThrough = false;
    try {
      const view = await this.#viewOf(watch, found, tip, isWhole);
      isThrough = view !== undefined && (await this.#followed.observe(channel, view));
    } finally {
      if (isThrough) this.#again.delete(channel);
      else this.#sightings.putFound(channel, found);
    }
  }

  /**
   * What is missing may have been spent since mempool and blocks were read, and a machine gives it up when that is late. So it counts only when
   * all was read, the mempool, read again, does not spend it, and no block has come. Undefined when it does not count.
   */
  async #viewOf(watch: Watch, found: ChainView['found'], tip: Tip, isWhole: boolean): Promise<ChainView | undefined> {
    // Above what was read the chain may be another one: a spend is as deep as it was seen.
    const { height: read } = headOf(this.#trail);
    const look = (): Promise<ChainView> => viewOf(this.#chain, watch, (key) => this.#sightings.spendOf(key, read), found);
    const view = await look();
    if (![...view.deposits.values()].some(({ kind }) => kind === 'missing')) return view;
    if (!isWhole) return undefined;
    await this.#unconfirmed.read(this.#again);
    return (await this.#chain.tip()).hash === tip.hash ? look() : undefined;
  }
}

function elsewhere(): WorldError {
  const hint = 'Wait until it has caught up, or check which chain it follows.';
  return new WorldError('node-behind', 'The node shows another chain than before.', hint);
}

function isElsewhere(error: unknown): boolean {
  return error instanceof WorldError && (error.code === 'node-behind' || error.code === 'node-wrong-chain');
}
