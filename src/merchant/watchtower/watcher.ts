import type { ChannelId } from '../../core/base/bytes.ts';
import type { Height, LockTime } from '../../core/base/height.ts';
import { expectedHeight } from '../../core/base/lock-time.ts';
import { spentBy } from '../../core/channel/deposit-view.ts';
import type { ChainView } from '../../core/channel/state-machine.ts';
import { closingAt } from '../../core/contract/contract.ts';
import { type Transaction, transactionId } from '../../core/tx/transaction.ts';
import type { Broadcast, Chain, Clock, ReadingProgress, Tip } from '../../engine/ports.ts';
import { type FollowedFile, StorelessFollower } from '../../engine/storeless-follower.ts';
import { memoryStore } from '../../store/memory.ts';
import { type ChannelVerdict, channelDue } from './channel-due.ts';
import type { Danger, WatchStanding } from './deposit-group-due.ts';
import { type FileTrouble, WatchFileCache } from './file-cache.ts';
import type { Watched } from './file-format.ts';
import type { Heartbeat, WatchFolder } from './folder.ts';

export interface WatcherOptions {
  readonly folder: WatchFolder;
  readonly chain: Chain;
  readonly clock: Clock;
  /** Milliseconds without a heartbeat after which the merchant gets no grace; ten minutes unless given. */
  readonly mostSilent?: number;
  readonly onProgress?: ReadingProgress;
}

/** What a person has to look at. */
export type Alarm =
  | { readonly code: 'merchant-silent'; readonly lastSeen: number | undefined }
  /** The watcher's own node can't be relied on. */
  | { readonly code: 'node-doubted'; readonly reason: string }
  | FileTrouble
  | { readonly code: 'close-refused'; readonly channel: ChannelId; readonly reason: string }
  | (Danger & { readonly channel: ChannelId; readonly expiry: Height });

export interface SentClose {
  readonly channel: ChannelId;
  readonly transaction: Transaction;
  readonly outcome: Broadcast;
}

export interface Standings {
  readonly watched: Watched;
  readonly standing: WatchStanding;
  /** The heights at which closing begins and the channel expires; expected heights where those are times. */
  readonly closing: Height;
  readonly expiry: Height;
}

export interface WatchReport {
  readonly tip: Tip;
  readonly heartbeat: Heartbeat | undefined;
  readonly channels: readonly Standings[];
  readonly alarms: readonly Alarm[];
  /** Broadcast since the last report. */
  readonly sent: readonly SentClose[];
}

const MOST_SILENT = 10 * 60 * 1000;

interface Outcome {
  readonly standing: WatchStanding;
  readonly alarms: readonly Alarm[];
}

/**
 * Closes for a merchant that does not, with only a node of its own and the merchant's files. It stores nothing: what is due follows from files and
 * chain, again after a restart.
 */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #entries: WatchFileCache;
  readonly #outcomes = new Map<ChannelId, Outcome>();
  readonly #follow: StorelessFollower;
  #sent: SentClose[] = [];
  #heartbeat: Heartbeat | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#entries = new WatchFileCache(options.folder, options.chain.coin);
    this.#follow = new StorelessFollower({
      ...options,
      store: memoryStore,
      all: () => new Map(this.#entries.all.map((watched) => [watched.channel, this.#followedOf(watched)])),
      observe: (channel, view) => this.#observe(channel, view),
    });
  }

  /** Reads folder and chain, and does what is due. @throws WorldError when that is impossible: until it is possible again, nothing is watched. */
  async poll(): Promise<WatchReport> {
    const heartbeat = await this.#options.folder.heartbeat();
    this.#heartbeat = heartbeat;
    await this.#readFolder();
    await this.#follow.poll();
    const silence: readonly Alarm[] = this.#isMerchantSilent() ? [{ code: 'merchant-silent', lastSeen: heartbeat?.at }] : [];
    const troubles = this.#entries.troubles.filter(({ code, channel }) => code !== 'file-gone' || this.#standing(channel) !== 'buried');
    const { doubt, seen } = this.#follow.report();
    const doubts: readonly Alarm[] = doubt === undefined ? [] : [{ code: 'node-doubted', reason: doubt.message }];
    const alarms = [...doubts, ...silence, ...troubles, ...[...this.#outcomes.values()].flatMap((outcome) => outcome.alarms)];
    if (seen === undefined) throw doubt ?? new Error('what was read is known');
    const { tip, medianTime } = seen;
    const channels = this.#entries.all.map((watched) => this.#standings(watched, medianTime, tip));
    const report = { tip, heartbeat, channels, alarms, sent: this.#sent };
    this.#sent = [];
    return report;
  }

  #standings(watched: Watched, medianTime: number, { height: tip }: Tip): Standings {
    const { terms, channel } = watched;
    const at = { tip, medianTime, now: this.#options.clock.now() };
    const heightOf = (lock: LockTime): Height => expectedHeight(lock, at, terms.coin.blockSeconds);
    return { watched, standing: this.#standing(channel), closing: heightOf(closingAt(terms)), expiry: heightOf(terms.expiry) };
  }

  #isMerchantSilent(): boolean {
    const { clock, mostSilent = MOST_SILENT } = this.#options;
    return this.#heartbeat === undefined || Math.abs(clock.now() - this.#heartbeat.at) > mostSilent;
  }

  #standing(channel: ChannelId): WatchStanding {
    return this.#outcomes.get(channel)?.standing ?? 'quiet';
  }

  async #readFolder(): Promise<void> {
    const changes = await this.#entries.read((channel) => this.#standing(channel) === 'buried');
    for (const [channel, watched] of changes) {
      if (watched === undefined) this.#outcomes.delete(channel);
      this.#follow.renew(channel);
    }
  }

  /** A channel in danger needs a view with every block. */
  #followedOf({ channel, terms, deposits, closes, since }: Watched): FollowedFile {
    const isPending = (this.#outcomes.get(channel)?.alarms.length ?? 0) > 0;
    const watch = { terms, deposits, sources: [], deadline: closingAt(terms), isPending };
    return { watch, outputs: spentBy(closes[0], deposits).map(({ outpoint }) => outpoint), since };
  }

  async #observe(channel: ChannelId, view: ChainView): Promise<boolean> {
    const known = this.#entries.get(channel);
    const { seen } = this.#follow;
    if (known === undefined || seen === undefined) return false;
    const { tip, medianTime, feeRate } = seen;
    const at = { tip: tip.height, medianTime, now: this.#options.clock.now() };
    const dueOf = (one: Watched): ChannelVerdict => channelDue(one, view, { ...at, feeRate, isMerchantSilent: this.#isMerchantSilent() });
    const first = dueOf(known);
    const watched = first.sends.length === 0 ? known : await this.#lastWritten(channel);
    if (watched === undefined) return false;
    const { standing, sends, danger } = watched === known ? first : dueOf(watched);
    const refusals: Alarm[] = [];
    for (const send of sends) refusals.push(...(await this.#broadcast(channel, send)));
    const dangers: readonly Alarm[] =
      danger === undefined
        ? []
        : [{ ...danger, channel, expiry: expectedHeight(watched.terms.expiry, at, watched.terms.coin.blockSeconds) }];
    this.#outcomes.set(channel, { standing, alarms: [...dangers, ...refusals.slice(0, 1)] });
    this.#follow.track(channel);
    return true;
  }

  /** Reads the file again before its close is sent: it may have been revoked since the folder was read. */
  async #lastWritten(channel: ChannelId): Promise<Watched | undefined> {
    const before = this.#entries.get(channel);
    const watched = await this.#entries.again(channel);
    if (watched === undefined) {
      this.#outcomes.delete(channel);
      this.#follow.track(channel);
    } else if (watched !== before) this.#follow.renew(channel);
    return watched;
  }

  /** Tries one close after the other until the node accepts one. @returns the reason if it accepted none. */
  async #broadcast(channel: ChannelId, closes: readonly Transaction[]): Promise<readonly Alarm[]> {
    let reason: string | undefined;
    for (const transaction of closes) {
      const outcome = await this.#options.chain.broadcast(transaction);
      this.#sent.push({ channel, transaction, outcome });
      if (!('reason' in outcome)) return [];
      reason = `${transactionId(transaction)}: ${outcome.reason}`;
      if (outcome.kind !== 'fee-too-low' && outcome.kind !== 'conflict') break;
    }
    return reason === undefined ? [] : [{ code: 'close-refused', channel, reason }];
  }
}
