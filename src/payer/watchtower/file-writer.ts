import type { ChannelId } from '../../core/base/bytes.ts';
import { type Height, height } from '../../core/base/height.ts';
import { expectedHeight } from '../../core/base/lock-time.ts';
import { penaltySecret } from '../../core/channel/payer-revocation.ts';
import { allDeposits, type PayerState, stillToCome, unsentOf } from '../../core/channel/payer-state.ts';
import type { Deposit } from '../../core/contract/contract.ts';
import { sameOutpoint } from '../../core/tx/transaction.ts';
import type { Book } from '../../engine/engine.ts';
import { keyedMutex } from '../../engine/mutex.ts';
import { type Chain, type Clock, type KeyRing, WorldError } from '../../engine/ports.ts';
import { isUnreadable } from '../../store/folder-files.ts';
import type { PenaltyFile } from './file-format.ts';
import type { PenaltyFolder } from './folder.ts';

export interface PenaltyWriterOptions {
  readonly folder: PenaltyFolder;
  readonly chain: Chain;
  readonly clock: Clock;
  readonly keys: KeyRing;
}

/**
 * Keeps the files for a payer's watcher. A secret is in its channel's file before what it revokes counts as given back: give `beforeStored` to the
 * engine. As a book it learns what else is to be written, or removed, when it is run: what an earlier program did not come to.
 */
export class PenaltyWriter implements Book<PayerState> {
  readonly #options: PenaltyWriterOptions;
  readonly #due = new Map<ChannelId, PayerState>();
  readonly #writing = keyedMutex<ChannelId>();

  constructor(options: PenaltyWriterOptions) {
    this.#options = options;
  }

  open(): void {
    this.#due.clear();
  }

  found(channel: ChannelId, state: PayerState): void {
    if (countOf(state) > 0) this.#due.set(channel, state);
  }

  stored(channel: ChannelId, state: PayerState): void {
    if (isOver(state) && countOf(state) > 0) this.#due.set(channel, state);
  }

  /** @throws WorldError when the file can't be written: then the state that reveals more must not be stored. */
  beforeStored = async (before: PayerState | undefined, after: PayerState): Promise<void> => {
    if (countOf(after) > countOf(before)) await this.#inTurn(after);
  };

  /** Writes what is out of date, and removes the files of channels that have ended. @throws WorldError the first failure, after everything else is done. */
  async run(): Promise<void> {
    await this.#options.folder.claim();
    const failures: unknown[] = [];
    for (const [channel, state] of [...this.#due]) {
      try {
        await this.#inTurn(state);
        this.#due.delete(channel);
      } catch (error) {
        failures.push(error);
      }
    }
    for (const failure of failures) throw failure;
  }

  #inTurn(state: PayerState): Promise<void> {
    return this.#writing(state.channel, () => (isOver(state) ? this.#options.folder.remove(state.channel) : this.#write(state)));
  }

  async #write(state: PayerState): Promise<void> {
    const { folder, keys } = this.#options;
    const { channel, terms, returnScript, keyName, revocation } = state;
    const known = await folder.read(channel);
    if (known !== undefined && isUnreadable(known) && known.newer)
      throw new WorldError('config', `A newer version of pawment wrote the watch file of channel ${channel}.`, 'Run the newer version.');
    const held = known === undefined || isUnreadable(known) ? undefined : known;
    const unsent = unsentOf(state);
    const deposits = allDeposits(state)
      .filter(({ outpoint }) => !unsent.has(outpoint.txid))
      .map(({ outpoint, value }) => ({ outpoint, value }));
    // The store was set back: the file knows more.
    if (revocation === undefined || (held !== undefined && holds(held, revocation.index, deposits))) return;
    const since = await this.#sinceOf(state, deposits, held);
    const { index, secrets } = revocation;
    const penaltyKey = penaltySecret(keys.signer(keyName));
    await folder.claim();
    await folder.write({ channel, terms, deposits, returnScript, revocation: { index, secrets }, since, penaltyKey });
  }

  /** What is spent by now was unspent at the height of the last file; without a file, nothing was spent before the channel could be opened. */
  async #sinceOf({ terms }: PayerState, deposits: readonly Deposit[], held: PenaltyFile | undefined): Promise<Height> {
    const { chain, clock } = this.#options;
    const { tip, medianTime } = await chain.status();
    const outputs = await Promise.all(deposits.map(({ outpoint }) => chain.output(outpoint)));
    if (!outputs.includes(undefined)) return tip.height;
    if (held !== undefined) return held.since;
    const { coin, expiry } = terms;
    const ends = expectedHeight(
      expiry,
      { tip: tip.height, medianTime: Math.floor(medianTime / 1000), now: clock.now() },
      coin.blockSeconds,
    );
    const { maxLifetime, closingMargin } = coin.channel.span.height;
    return height(Math.max(0, Math.min(tip.height, ends - maxLifetime - closingMargin)));
  }
}

/** How many secrets the payee has shown. */
function countOf(state: PayerState | undefined): number {
  return state?.revocation?.index ?? 0;
}

/** Nothing on the chain matters to the channel any more. */
function isOver(state: PayerState): boolean {
  return state.kind === 'ended' && stillToCome(state).length === 0;
}

function holds(held: PenaltyFile, index: number, deposits: readonly Deposit[]): boolean {
  if (held.revocation.index !== index) return held.revocation.index > index;
  return deposits.every(({ outpoint }) => held.deposits.some((one) => sameOutpoint(one.outpoint, outpoint)));
}
