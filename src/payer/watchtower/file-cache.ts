import type { ChannelId } from '../../core/base/bytes.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { WorldError } from '../../engine/ports.ts';
import { isUnreadable } from '../../store/folder-files.ts';
import type { PenaltyFile } from './file-format.ts';
import type { PenaltyFolder } from './folder.ts';

/** A file that can't be read. What was read of it before still counts. */
export type FileTrouble =
  | { readonly code: 'folder-unreadable'; readonly reason: string }
  | { readonly code: 'file-unreadable' | 'file-gone'; readonly channel: ChannelId; readonly reason: string };

/** The folder's files as last read. An unchanged file is not read again, and one with fewer secrets takes no other's place. */
export class PenaltyFileCache {
  readonly #folder: PenaltyFolder;
  readonly #coin: Coin;
  readonly #known = new Map<ChannelId, { readonly stamp: string; readonly file: PenaltyFile }>();
  #troubles: readonly FileTrouble[] = [];

  constructor(folder: PenaltyFolder, coin: Coin) {
    this.#folder = folder;
    this.#coin = coin;
  }

  /** Reads new and changed files. Only files of channels that are over may disappear. @returns the channels with something new. */
  async read(isOver: (channel: ChannelId) => boolean): Promise<readonly ChannelId[]> {
    const found = await this.#folder.channels().catch(reasonOf);
    if (typeof found === 'string') {
      this.#troubles = [{ code: 'folder-unreadable', reason: found }];
      return [];
    }
    const gone = [...this.#known.keys()].filter((channel) => !found.includes(channel));
    const over = gone.filter(isOver);
    for (const channel of over) this.#known.delete(channel);
    const troubles: FileTrouble[] = gone
      .filter((channel) => !over.includes(channel))
      .map((channel) => ({ code: 'file-gone', channel, reason: 'its channel has not ended' }));
    const changed = [...over];
    for (const channel of found) {
      const read = await this.#readOne(channel).catch(reasonOf);
      if (typeof read === 'string') troubles.push({ code: 'file-unreadable', channel, reason: read });
      else if (read) changed.push(channel);
    }
    this.#troubles = troubles;
    return changed;
  }

  /** Whether there is something new, or the reason why it can't be used. */
  async #readOne(channel: ChannelId): Promise<boolean | string> {
    const known = this.#known.get(channel);
    const stamp = await this.#folder.stamp(channel);
    if (stamp === undefined || stamp === known?.stamp) return false;
    const file = await this.#folder.read(channel);
    if (file === undefined) return false;
    if (isUnreadable(file)) return file.reason;
    const { coin } = file.terms;
    if (coin.id !== this.#coin.id) return `it is for ${coin.id}, but the node is on ${this.#coin.id}`;
    if (file.revocation.index < (known?.file.revocation.index ?? 0)) return 'it is an older version: more has been given back since';
    this.#known.set(channel, { stamp, file });
    return true;
  }

  get troubles(): readonly FileTrouble[] {
    return this.#troubles;
  }

  get(channel: ChannelId): PenaltyFile | undefined {
    return this.#known.get(channel)?.file;
  }

  get all(): readonly PenaltyFile[] {
    return [...this.#known.values()].map(({ file }) => file);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof WorldError) return error.message;
  throw error;
}
