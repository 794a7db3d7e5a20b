import type { Amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { after, height as heightOf } from '../core/base/height.ts';
import { type ChainTime, possible } from '../core/base/lock-time.ts';
import type { ChainView, DepositView } from '../core/channel/state-machine.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import { recordAnswers } from './answer-recorder.ts';
import { extendLocator, findForkPoint, locatorTip, truncateLocator } from './block-locator.ts';
import type { WatchedOutputs } from './channel-role.ts';
import { viewOf } from './deposit-lookup.ts';
import { MempoolReader, type ReadingOptions } from './mempool-reader.ts';
import { elsewhere, isElsewhere, NodeHealth } from './node-health.ts';
import { type Block, type Chain, type Clock, type NodeStatus, type Store, type Tip, WorldError } from './ports.ts';
import { SpendIndex } from './spend-index.ts';
import { freshLocator, loadCursor, type SyncCursor, saveCursor } from './sync-cursor.ts';
import { WatchList } from './watch-list.ts';

/** One side's channels, for the reader of the chain. */
export interface FollowedChannels {
  readonly all: () => AsyncIterable<readonly [ChannelId, WatchedOutputs | undefined]>;
  /** False when the view could not be processed: it is made again at the next reading. */
  readonly observe: (channel: ChannelId, view: ChainView) => Promise<boolean>;
}

/** A node whose chain forks more often than this in one reading is not followed further. */
const MOST_FORKS = 10;
/** Blocks that are read before deadlines are checked again. */
const BLOCKS_AT_ONCE = 100;
/** Channels that get a view before the reader checks whether another block has come. */
const OBSERVED_AT_ONCE = 32;

/** The state of the chain after a step of reading. */
interface Look {
  readonly status: NodeStatus;
  /** Taken as the tip: the last block read, or the node's tip where blocks still have to be read. */
  readonly tip: Tip;
  readonly at: ChainTime;
  /** The channels have not had views of this tip yet. */
  readonly isNews: boolean;
  /** No more blocks can be read now. */
  readonly isAtEnd: boolean;
}

/** Reads the chain block by block, and gives each channel its view. What was read is not read again until a restart, even when something fails. */
export class BlockReader {
  readonly list: WatchList = new WatchList();
  readonly trust: NodeHealth;
  /** Blocks that were never read. */
  missed: number = 0;
  readonly #chain: Chain;
  readonly #store: Store;
  readonly #followed: FollowedChannels;
  readonly #clock: Clock;
  readonly #spendIndex: SpendIndex;
  readonly #mempoolReader: MempoolReader;
  readonly #onProgress: ReadingOptions['onProgress'];
  /** Channels that have to get a view. */
  readonly #again = new Set<ChannelId>();
  /** Hash of the last tip of which every waiting channel has had a view. */
  #shown: string | undefined;
  #cursor: SyncCursor | undefined;
  #feeRate: Amount;

  constructor(chain: Chain, store: Store, followed: FollowedChannels, clock: Clock, reading: ReadingOptions) {
    this.trust = new NodeHealth(chain.coin, clock);
    this.#chain = recordAnswers(chain, this.trust);
    this.#store = store;
    this.#followed = followed;
    this.#feeRate = chain.coin.policy.feeRate;
    this.#clock = clock;
    this.#spendIndex = new SpendIndex(store, this.list);
    this.#mempoolReader = new MempoolReader(this.#chain, this.#spendIndex, reading);
    this.#onProgress = reading.onProgress;
  }

  /** A channel has a new state. If it is due already, for example because its first payment comes late, it does not wait for another block. */
  track(channel: ChannelId, watch: WatchedOutputs | undefined): void {
    if (this.list.set(channel, watch)) this.#again.add(channel);
  }

  get waiting(): number {
    return this.#again.size;
  }

  /**
   * Reads what can be read, and gives channels the views that are due, even where blocks can't be read: deadlines still come nearer. What is due is
   * done before anything that strangers can make longer: after some blocks at most, before the mempool, and before channels with nothing due. Those
   * wait for the next reading as soon as another block comes. @throws WorldError the first failure, after everything else is done; `node-behind` at
   * once when the node shows another chain.
   */
  async read(): Promise<void> {
    await this.#start();
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>): Promise<void> => work.catch((error: unknown) => void failures.push(error));
    const served = new Set<ChannelId>();
    let look = await this.#look(failures, attempt);
    for (; ; look = await this.#look(failures, attempt)) {
      for (const channel of this.#urgent(look)) {
        if (served.has(channel)) continue;
        await attempt(this.#observe(channel, look, false));
        served.add(channel);
      }
      if (look.isAtEnd) break;
    }
    const { status, tip, isNews } = look;
    const goesOn = async (): Promise<boolean> => (await this.#chain.tip()).hash === tip.hash;
    let isWhole = false;
    await attempt(
      this.#mempoolReader.look(this.#again, goesOn).then((isAll) => {
        isWhole = isAll && failures.length === 0;
      }),
    );
    this.trust.take({ ...status, tip }, { peak: this.#cursor?.peak ?? 0, feeRate: this.#feeRate, isWhole });
    const rest = [...this.#concerned(isNews)].filter((channel) => !served.has(channel) || this.#again.has(channel));
    await attempt(this.#observeAll(this.list.byDeadline(rest), (channel) => attempt(this.#observe(channel, look, isWhole)), goesOn));
    this.#shown = isWhole ? tip.hash : undefined;
    await this.#save();
    for (const failure of failures) throw failure;
  }

  /** Reads some blocks, and finds what they make due. */
  async #look(failures: readonly unknown[], attempt: (work: Promise<void>) => Promise<void>): Promise<Look> {
    const status = await this.#chain.status();
    let isAtEnd = true;
    await attempt(
      this.#readBlocks(status.tip).then((isAll) => {
        isAtEnd = isAll;
      }),
    );
    if (failures.some(isElsewhere)) throw failures[0];
    const isRead = isAtEnd && failures.length === 0;
    const tip = isRead ? locatorTip(this.#locator) : status.tip;
    const isNews = this.#shown !== tip.hash;
    if (isNews) await attempt(this.#readFeeRate());
    this.trust.take({ ...status, tip }, { peak: this.#cursor?.peak ?? 0, feeRate: this.#feeRate, isWhole: false });
    const at = { tip: tip.height, medianTime: Math.floor(status.medianTime / 1000), now: this.#clock.now() };
    for (const channel of this.list.reachTime(Math.max(at.medianTime, at.now / 1000))) this.#again.add(channel);
    if (!isRead) for (const channel of this.list.dueAt(at)) this.#again.add(channel);
    return { status, tip, at, isNews, isAtEnd };
  }

  /** Channels with something due, the earliest deadline first. Those whose deposits are spent in blocks already can wait. */
  #urgent({ at, isNews }: Look): readonly ChannelId[] {
    const due = [...this.#concerned(isNews)].filter((channel) => {
      const watch = this.list.get(channel);
      return (
        watch !== undefined && isDue(watch, at) && !watch.deposits.every(({ outpoint }) => this.#spendIndex.isMined(outpointKey(outpoint)))
      );
    });
    return this.list.byDeadline(due);
  }

  /** Gives channels their views until another block comes; the rest get them at the next reading. */
  async #observeAll(
    channels: readonly ChannelId[],
    observe: (channel: ChannelId) => Promise<void>,
    goesOn: () => Promise<boolean>,
  ): Promise<void> {
    for (const channel of channels) this.#again.add(channel);
    for (const [i, channel] of channels.entries()) {
      if (i > 0 && i % OBSERVED_AT_ONCE === 0 && !(await goesOn())) return;
      await observe(channel);
    }
  }

  async #start(): Promise<void> {
    if (this.#cursor !== undefined) return;
    const loaded = await loadCursor(this.#chain, this.#store);
    const head = locatorTip(loaded.trail);
    this.list.reach(head.height);
    for await (const [channel, watch] of this.#followed.all()) this.list.set(channel, watch);
    await this.#spendIndex.load();
    // Spends may have been stored from blocks that are read again now: that reading shows whether they are still in the chain.
    this.#spendIndex.rollBack(head.height);
    this.#showAll();
    // Stored before anything is promised: otherwise, after a failed write, the next start would begin at a later block and miss those in between.
    this.#cursor = await saveCursor(this.#store, loaded, this.#spendIndex, true);
  }

  async #save(): Promise<void> {
    if (this.#cursor === undefined) return;
    this.#cursor = await saveCursor(this.#store, this.#cursor, this.#spendIndex, this.#again.size === 0);
  }

  get #locator(): readonly Tip[] {
    return this.#cursor?.trail ?? [];
  }

  /** Channels that have to get a view: those that something happened to, and with every new block those that wait for blocks. */
  #concerned(isNews: boolean): ReadonlySet<ChannelId> {
    return new Set(isNews ? [...this.#again, ...this.list.busy, ...this.#spendIndex.ending] : this.#again);
  }

  #showAll(): void {
    for (const channel of this.list.channels) this.#again.add(channel);
  }

  #moveTo(trail: readonly Tip[]): void {
    if (this.#cursor === undefined) return;
    const { height: at } = locatorTip(trail);
    this.#cursor = { ...this.#cursor, trail, peak: heightOf(Math.max(this.#cursor.peak, at)) };
  }

  async #readFeeRate(): Promise<void> {
    this.#feeRate = await this.#chain.feeRate();
  }

  /** Reads the next blocks. If the node has deleted them, continues at its tip: then only unspent outputs show what happened in between. */
  async #readBlocks(tip: Tip): Promise<boolean> {
    try {
      return await this.#readTo(tip);
    } catch (error) {
      if (!(error instanceof WorldError && error.code === 'node-pruned')) throw error;
      const before = locatorTip(this.#locator).height;
      this.#moveTo(await freshLocator(this.#chain));
      const { height: now } = locatorTip(this.#locator);
      this.list.reach(now);
      this.missed += Math.max(0, now - before);
      this.#showAll();
      return true;
    }
  }

  /** Reads to the tip, after going back to the fork if the chain was reorganised. False when there are more blocks than are read at once. */
  async #readTo(tip: Tip): Promise<boolean> {
    for (let forks = 0, read = 0; locatorTip(this.#locator).hash !== tip.hash; read++) {
      if (read === BLOCKS_AT_ONCE) return false;
      const head = locatorTip(this.#locator);
      const next = await this.#chain.block(after(head.height, 1));
      if (next !== undefined && next.previous === head.hash) {
        this.#take(next);
        this.#onProgress?.('blocks', next.height, tip.height);
        continue;
      }
      const fork = await findForkPoint(this.#chain, this.#locator);
      // Nothing new, and the head is still in the chain: the node's tip changed between two calls.
      if (fork?.hash === head.hash) return true;
      forks++;
      if (fork === undefined || forks > MOST_FORKS) throw elsewhere();
      this.#moveTo(truncateLocator(this.#locator, fork.height));
      this.#spendIndex.rollBack(fork.height);
      this.#showAll();
    }
    return true;
  }

  #take(block: Block): void {
    for (const met of block.transactions) {
      for (const channel of this.#spendIndex.note(met, block.height)) this.#again.add(channel);
    }
    this.#moveTo(extendLocator(this.#locator, { height: block.height, hash: block.hash }));
    this.list.reach(block.height);
  }

  /** A failure in one channel does not affect others: they get their views, and it gets its own again at the next reading. */
  async #observe(channel: ChannelId, { tip }: Look, isWhole: boolean): Promise<void> {
    const watch = this.list.get(channel);
    if (watch === undefined) return void this.#again.delete(channel);
    this.#again.add(channel);
    const found = this.#spendIndex.takeFound(channel);
    let isThrough = false;
    let isLasting = false;
    try {
      const view = await this.#viewOf(watch, found, tip, isWhole);
      // An unconfirmed spend may have left the mempool.
      isLasting = isWhole || !kindsIn(view).has('waiting');
      isThrough = view !== undefined && (await this.#followed.observe(channel, view));
    } finally {
      if (!isThrough) this.#spendIndex.putFound(channel, found);
      else if (isLasting) this.#again.delete(channel);
    }
  }

  /**
   * A missing deposit may have been spent since blocks and mempool were read, and the state machine gives it up if it is late. So "missing" counts
   * only if everything was read, a second reading of the mempool shows no spend, and no block has come meanwhile. Undefined when it does not count.
   */
  async #viewOf(watch: WatchedOutputs, found: ChainView['found'], tip: Tip, isWhole: boolean): Promise<ChainView | undefined> {
    // Above the last block read the chain may have changed: the depth of a spend counts from there.
    const { height: read } = locatorTip(this.#locator);
    const look = (): Promise<ChainView> => viewOf(this.#chain, watch, (key) => this.#spendIndex.spendOf(key, read), found);
    const view = await look();
    if (!kindsIn(view).has('missing')) return view;
    if (!isWhole) return undefined;
    const goesOn = async (): Promise<boolean> => (await this.#chain.tip()).hash === tip.hash;
    const isRead = await this.#mempoolReader.read(this.#again, goesOn);
    return isRead && (await goesOn()) ? look() : undefined;
  }
}

function isDue({ deadline }: WatchedOutputs, at: ChainTime): boolean {
  return deadline <= possible(deadline, at);
}

function kindsIn(view: ChainView | undefined): ReadonlySet<DepositView['kind'] | 'waiting'> {
  const seen = view === undefined ? [] : [...view.deposits.values()];
  return new Set(seen.map((one) => (one.kind === 'spent' && one.depth === 0 ? 'waiting' : one.kind)));
}
