import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { type ChannelId, isChannelId } from '../../core/base/bytes.ts';
import type { Height } from '../../core/base/height.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { coinField, type Field, heightField } from '../../core/message/fields.ts';
import { diskError } from '../../store/disk-error.ts';
import { makeFolder } from '../../store/make-folder.ts';
import { type Emptied, isUnreadable, readWatched, type Unreadable, type Watched, writeEmptied, writeWatched } from './file-format.ts';

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
/** Far above the size of any file that a merchant writes. */
const MOST_BYTES = 4 * 1024 * 1024;
const heartbeatField: Field<Heartbeat> = z.object({ coin: coinField, at: z.number(), tip: heightField });

/** @throws WorldError `config`, `store-full` or `disk-failed` from every call when the folder can't be used. */
export function watchFolder(path: string): WatchFolder {
  const pathOf = (channel: ChannelId): string => join(path, `${channel}${SUFFIX}`);
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw diskError(error, path);
    }
  };
  const put = (name: string, text: string): Promise<void> => guarded(() => replaceFile(path, name, text));
  return {
    channels: () =>
      guarded(async () => {
        const names = (await readdir(path)).filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
        return names.filter(isChannelId);
      }),
    read: (channel) =>
      guarded(async () => {
        const text = await textOf(pathOf(channel));
        if (text === undefined) return undefined;
        const watched = readWatched(text);
        if (isUnreadable(watched) || watched.channel === channel) return watched;
        return { kind: 'unreadable', reason: 'it is the file of another channel than its name says', newer: false };
      }),
    stamp: (channel) =>
      guarded(async () => {
        const found = await stat(pathOf(channel)).catch(absent);
        return found && `${found.ino} ${found.size} ${found.mtimeMs}`;
      }),
    write: (watched) => put(`${watched.channel}${SUFFIX}`, writeWatched(watched)),
    empty: (emptied) => put(`${emptied.channel}${SUFFIX}`, writeEmptied(emptied)),
    remove: (channel) => guarded(() => rm(pathOf(channel), { force: true })),
    heartbeat: () => guarded(async () => heartbeatField.safeParse(parsed((await textOf(join(path, HEARTBEAT))) ?? '')).data),
    beat: (heartbeat) => put(HEARTBEAT, `${JSON.stringify(z.encode(heartbeatField, heartbeat))}\n`),
  };
}

/** Leaves either the whole new text or the old one, whatever happens; when it resolves, the new one is safely on the disk. */
export async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  makeFolder(folder);
  const temporary = join(folder, `.${name}.${process.pid}.tmp`);
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text, 'utf8');
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
  await syncFolder(folder);
}

/** Makes the new name durable, not only the bytes. Some systems can't open folders; there the name becomes durable with the file. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  try {
    await folder?.sync().catch(() => undefined);
  } finally {
    await folder?.close();
  }
}

async function textOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(absent);
  if (found === undefined) return undefined;
  return found.size > MOST_BYTES ? '' : readFile(path, 'utf8').catch(absent);
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
