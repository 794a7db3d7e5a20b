import { formatAmount, isAmount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { isUnreadable } from '../../store/folder-files.ts';
import { owedIn } from './deposit-group.ts';
import type { Emptied, Watched } from './file-format.ts';
import type { WatchFolder } from './folder.ts';

/** A file with wrong content. What was read from it before still counts. */
export interface FileTrouble {
  readonly code: 'file-unreadable' | 'file-gone';
  readonly channel: ChannelId;
  readonly reason: string;
}

const OLDER = 'it is an older version: payments have been revoked since';

/** Whether one file has fewer revocations than another. */
function isOlder(one: Watched | undefined, other: Watched): boolean {
  return one !== undefined && (one.revoked ?? 0) < (other.revoked ?? 0);
}

function inCoins(value: bigint, { ticker }: Coin): string {
  return isAmount(value) ? `${formatAmount(value)} ${ticker}` : String(value);
}

/** The folder's files as last read. An unchanged file is not read again. */
export class WatchFileCache {
  readonly #folder: WatchFolder;
  readonly #coin: Coin;
  readonly #known = new Map<ChannelId, { readonly stamp: string; readonly watched: Watched }>();
  #troubles: readonly FileTrouble[] = [];

  constructor(folder: WatchFolder, coin: Coin) {
    this.#folder = folder;
    this.#coin = coin;
  }

  /**
   * Reads new and changed files; a lower total never replaces a better one, unless that was revoked. Only files of finished channels may disappear.
   * @returns what is new or changed; undefined for files that are gone, or hold nothing to close with any more.
   */
  async read(isOver: (channel: ChannelId) => boolean): Promise<ReadonlyMap<ChannelId, Watched | undefined>> {
    const names = new Set(await this.#folder.channels());
    const gone = [...this.#known.keys()].filter((channel) => !names.has(channel));
    const over = gone.filter(isOver);
    for (const channel of over) this.#known.delete(channel);
    const troubles: FileTrouble[] = gone
      .filter((channel) => !over.includes(channel))
      .map((channel) => ({ code: 'file-gone', channel, reason: 'its channel has not ended' }));
    const changes = new Map<ChannelId, Watched | undefined>(over.map((channel) => [channel, undefined]));
    for (const channel of names) {
      const read = await this.#readOne(channel);
      if (typeof read === 'string') troubles.push({ code: 'file-unreadable', channel, reason: read });
      else if (read !== undefined && 'kind' in read) changes.set(channel, undefined);
      else if (read !== undefined) changes.set(channel, read);
    }
    this.#troubles = troubles;
    return changes;
  }

  /** One channel's file as it is now; as it was read before, if it can't be read now. Undefined once it holds nothing to close with. */
  async again(channel: ChannelId): Promise<Watched | undefined> {
    await this.#readOne(channel).catch(() => undefined);
    return this.get(channel);
  }

  /** A file with something new, or the reason why it can't be used; undefined where it is unchanged. */
  async #readOne(channel: ChannelId): Promise<Watched | Emptied | string | undefined> {
    const known = this.#known.get(channel);
    const stamp = await this.#folder.stamp(channel);
    if (stamp === undefined || stamp === known?.stamp) return undefined;
    const read = await this.#folder.read(channel);
    if (read === undefined) return undefined;
    if (isUnreadable(read)) return read.reason;
    if ('kind' in read) return this.#empty(read);
    const { coin } = read.terms;
    if (coin.id !== this.#coin.id) return `it is for ${coin.id}, but the node is on ${this.#coin.id}`;
    const [owed, before] = [owedIn(read), known === undefined ? 0n : owedIn(known.watched)];
    if (known !== undefined && isOlder(read, known.watched)) return OLDER;
    if (owed < before && !isOlder(known?.watched, read))
      return `its total is ${inCoins(owed, coin)}, and was ${inCoins(before, coin)} before`;
    this.#known.set(channel, { stamp, watched: read });
    return read;
  }

  /** Drops the closes that were held: who sends a revoked close loses its output. */
  #empty(emptied: Emptied): Emptied | string | undefined {
    const { channel, revoked } = emptied;
    const known = this.#known.get(channel);
    if (known === undefined) return undefined;
    if ((known.watched.revoked ?? 0) >= revoked) return OLDER;
    this.#known.delete(channel);
    return emptied;
  }

  get troubles(): readonly FileTrouble[] {
    return this.#troubles;
  }

  get(channel: ChannelId): Watched | undefined {
    return this.#known.get(channel)?.watched;
  }

  get all(): readonly Watched[] {
    return [...this.#known.values()].map(({ watched }) => watched);
  }
}
