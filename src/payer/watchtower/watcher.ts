import type { ChannelId } from '../../core/base/bytes.ts';
import type { ChainTime } from '../../core/base/lock-time.ts';
import { isSettled, viewOf } from '../../core/channel/deposit-view.ts';
import { areSettled, withHeld } from '../../core/channel/held-outputs.ts';
import { penalties, revokedIn } from '../../core/channel/payer-revocation.ts';
import type { ChainView } from '../../core/channel/state-machine.ts';
import type { HeldOutput } from '../../core/contract/contract.ts';
import { signer } from '../../core/tx/sign.ts';
import { outpointKey, sameOutpoint, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { type Broadcast, type Chain, type Clock, isTaken, type ReadingProgress, type Tip } from '../../engine/ports.ts';
import { type FollowedFile, StorelessFollower } from '../../engine/storeless-follower.ts';
import { memoryStore } from '../../store/memory.ts';
import { type FileTrouble, PenaltyFileCache } from './file-cache.ts';
import type { PenaltyFile } from './file-format.ts';
import type { PenaltyFolder } from './folder.ts';
import { type Fate, fateOf, type Peril, perilOf } from './held-fate.ts';

export interface PenaltyWatcherOptions {
  readonly folder: PenaltyFolder;
  readonly chain: Chain;
  readonly clock: Clock;
  readonly onProgress?: ReadingProgress;
}

/** What a person has to look at. */
export type PenaltyAlarm =
  /** The watcher's own node can't be relied on. */
  | { readonly code: 'node-doubted'; readonly reason: string }
  /** The node had deleted blocks that were not read: a revoked close in them is not seen. */
  | { readonly code: 'blocks-missed'; readonly blocks: number }
  | FileTrouble
  | { readonly code: 'penalty-refused'; readonly channel: ChannelId; readonly reason: string }
  | (Peril & { readonly channel: ChannelId });

/** `quiet`: no close was revoked that the watcher has seen. The rest is about what a revoked close holds; `over`: nothing can change any more. */
export type PenaltyStanding = 'quiet' | Fate | 'over';

export interface SentPenalty {
  readonly channel: ChannelId;
  readonly transaction: Transaction;
  readonly outcome: Broadcast;
}

export interface PenaltyReport {
  readonly tip: Tip;
  readonly channels: readonly { readonly file: PenaltyFile; readonly standing: PenaltyStanding }[];
  readonly alarms: readonly PenaltyAlarm[];
  /** Broadcast since the last report. */
  readonly sent: readonly SentPenalty[];
}

interface Outcome {
  readonly standing: PenaltyStanding;
  readonly held?: readonly HeldOutput[];
  readonly alarms: readonly PenaltyAlarm[];
}

const NOTHING: Outcome = { standing: 'quiet', alarms: [] };

/**
 * Punishes revoked closes for a payer that sleeps or is gone, with only a node of its own and the payer's files. It stores nothing: what is due
 * follows from files and chain, again after a restart.
 */
export class PenaltyWatcher {
  readonly #options: PenaltyWatcherOptions;
  readonly #files: PenaltyFileCache;
  readonly #follow: StorelessFollower;
  readonly #outcomes = new Map<ChannelId, Outcome>();
  #sent: SentPenalty[] = [];
  /** No view has said yet what became of the outputs that a revoked close holds. */
  #isPartial = false;

  constructor(options: PenaltyWatcherOptions) {
    this.#options = options;
    this.#files = new PenaltyFileCache(options.folder, options.chain.coin);
    this.#follow = new StorelessFollower({
      ...options,
      store: memoryStore,
      all: () => new Map(this.#files.all.map((file) => [file.channel, this.#followedOf(file)])),
      observe: (channel, view) => this.#observe(channel, view),
    });
  }

  /** Reads folder and chain, and does what is due. @throws WorldError when the chain can't be read: until it can, nothing is watched. */
  async poll(): Promise<PenaltyReport> {
    for (const channel of await this.#files.read((one) => this.#outcome(one).standing === 'over')) this.#follow.renew(channel);
    await this.#follow.poll();
    if (this.#isPartial) {
      this.#isPartial = false;
      await this.#follow.poll();
    }
    const { doubt, seen, missed } = this.#follow.report();
    if (seen === undefined) throw doubt ?? new Error('what was read is known');
    const alarms: readonly PenaltyAlarm[] = [
      ...(doubt === undefined ? [] : [{ code: 'node-doubted', reason: doubt.message } as const]),
      ...(missed === 0 ? [] : [{ code: 'blocks-missed', blocks: missed } as const]),
      ...this.#files.troubles.filter((one) => one.code !== 'file-gone' || this.#outcome(one.channel).standing !== 'over'),
      ...this.#files.all.flatMap(({ channel }) => this.#outcome(channel).alarms),
    ];
    const channels = this.#files.all.map((file) => ({ file, standing: this.#outcome(file.channel).standing }));
    const report = { tip: seen.tip, channels, alarms, sent: this.#sent };
    this.#sent = [];
    return report;
  }

  #outcome(channel: ChannelId): Outcome {
    return this.#outcomes.get(channel) ?? NOTHING;
  }

  #followedOf({ channel, terms, deposits, since }: PenaltyFile): FollowedFile {
    const { held, standing } = this.#outcome(channel);
    const watch = { terms, deposits, sources: [], deadline: terms.expiry, isPending: held !== undefined && standing !== 'over' };
    return { watch: { ...watch, ...(held && { held }) }, outputs: deposits.map(({ outpoint }) => outpoint), since };
  }

  async #observe(channel: ChannelId, view: ChainView): Promise<boolean> {
    const file = this.#files.get(channel);
    const { seen } = this.#follow;
    if (file === undefined || seen === undefined) return false;
    const at = { tip: seen.tip.height, medianTime: seen.medianTime, now: this.#options.clock.now() };
    const { held } = withHeld<Pick<Outcome, 'held'>>(this.#outcome(channel), revokedIn(file, view));
    const punisher = { ...file, ...(held && { held }) };
    const refusals: PenaltyAlarm[] = [];
    if (held !== undefined) {
      for (const effect of penalties(punisher, view, { ...at, feeRate: seen.feeRate }, signer(file.penaltyKey)))
        if (effect.kind === 'broadcast') refusals.push(...(await this.#broadcast(channel, view, held, effect.transaction)));
    }
    const alarms = [...perilOf(punisher, view, at).map((peril) => ({ ...peril, channel })), ...refusals.slice(0, 1)];
    this.#outcomes.set(channel, { standing: standingOf(punisher, view, at), ...(held && { held }), alarms });
    this.#follow.track(channel);
    const isWhole = (held ?? []).every((one) => view.deposits.has(outpointKey(one.outpoint)));
    this.#isPartial ||= !isWhole;
    return isWhole;
  }

  /** @returns the reason for a no; none as long as the view did not say whether the output is still there, or if another penalty is there already. */
  async #broadcast(
    channel: ChannelId,
    view: ChainView,
    held: readonly HeldOutput[],
    transaction: Transaction,
  ): Promise<readonly PenaltyAlarm[]> {
    const outcome = await this.#options.chain.broadcast(transaction);
    this.#sent.push({ channel, transaction, outcome });
    const taken = held.filter(({ outpoint }) => transaction.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
    if (isTaken(outcome) || outcome.kind === 'conflict' || taken.some((one) => !view.deposits.has(outpointKey(one.outpoint)))) return [];
    return [{ code: 'penalty-refused', channel, reason: `${transactionId(transaction)}: ${outcome.reason}` }];
  }
}

function standingOf(punisher: PenaltyFile & Pick<Outcome, 'held'>, view: ChainView, at: ChainTime): PenaltyStanding {
  const { terms, deposits } = punisher;
  if (deposits.every((deposit) => isSettled(viewOf(deposit, view), terms, at)) && areSettled(punisher, view, at)) return 'over';
  return fateOf(punisher, view) ?? 'quiet';
}
