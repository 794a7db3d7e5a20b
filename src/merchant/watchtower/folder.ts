import { join } from 'node:path';
import * as z from 'zod';
import type { ChannelId } from '../../core/base/bytes.ts';
import type { Height } from '../../core/base/height.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { coinField, type Field, heightField } from '../../core/message/fields.ts';
import { asDiskErrors, folderFiles, parsedJson, replaceFile, textOf, type Unreadable } from '../../store/folder-files.ts';
import { type Emptied, readWatched, type Watched, writeEmptied, writeWatched } from './file-format.ts';

/** The merchant's heartbeat. */
export interface Heartbeat {
  readonly coin: Coin;
  /** Unix time in milliseconds. */
  readonly at: number;
  /** The height up to which the merchant has read. */
  readonly tip: Height;
}

/**
 * What the merchant gives its watchers: one file for each channel with a payment, and a heartbeat. Every file is replaced as a whole. Its reader
 * learns what the merchant earns, and can close its channels to the merchant's own script, but nothing else.
 */
export interface WatchFolder {
  readonly channels: () => Promise<readonly ChannelId[]>;
  /** Undefined when there is no such file. */
  readonly read: (channel: ChannelId) => Promise<Watched | Emptied | Unreadable | undefined>;
  /** Changes whenever the file changes; undefined when there is none. */
  readonly stamp: (channel: ChannelId) => Promise<string | undefined>;
  /** When it resolves, the file is safely on the disk. */
  readonly write: (watched: Watched) => Promise<void>;
  /** Writes the file of a channel where nothing is left to close with. */
  readonly empty: (emptied: Emptied) => Promise<void>;
  readonly remove: (channel: ChannelId) => Promise<void>;
  readonly heartbeat: () => Promise<Heartbeat | undefined>;
  readonly beat: (heartbeat: Heartbeat) => Promise<void>;
}

const HEARTBEAT = 'heartbeat.json';
const SUFFIX = '.json';
const heartbeatField: Field<Heartbeat> = z.object({ coin: coinField, at: z.number(), tip: heightField });

/** @throws WorldError `config`, `store-full` or `disk-failed` from every call when the folder can't be used. */
export function watchFolder(path: string): WatchFolder {
  const { channels, read, stamp, put, remove } = folderFiles(path, SUFFIX, readWatched);
  return {
    channels,
    stamp,
    remove,
    read,
    write: (watched) => put(watched.channel, writeWatched(watched)),
    empty: (emptied) => put(emptied.channel, writeEmptied(emptied)),
    heartbeat: () => asDiskErrors(path, async () => heartbeatField.safeParse(parsedJson((await textOf(join(path, HEARTBEAT))) ?? '')).data),
    beat: (heartbeat) => asDiskErrors(path, () => replaceFile(path, HEARTBEAT, `${JSON.stringify(z.encode(heartbeatField, heartbeat))}\n`)),
  };
}
