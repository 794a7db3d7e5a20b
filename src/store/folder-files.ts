import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChannelId, isChannelId } from '../core/base/bytes.ts';
import { diskError } from './disk-error.ts';
import { makeFolder } from './make-folder.ts';

/** A file that says nothing certain. `newer`: a later version wrote it. */
export interface Unreadable {
  readonly kind: 'unreadable';
  readonly reason: string;
  readonly newer: boolean;
}

export function isUnreadable(read: object): read is Unreadable {
  return 'kind' in read && read.kind === 'unreadable';
}

/** A folder with one text file for each channel. Every file is replaced as a whole. */
export interface FolderFiles<File> {
  readonly channels: () => Promise<readonly ChannelId[]>;
  /** What the file says, if it says it of this channel. Undefined when there is no such file; its text is empty when it is larger than any of ours. */
  readonly read: (channel: ChannelId) => Promise<File | Unreadable | undefined>;
  /** Changes whenever the file changes; undefined when there is none. */
  readonly stamp: (channel: ChannelId) => Promise<string | undefined>;
  /** When it resolves, the file is safely on the disk. */
  readonly put: (channel: ChannelId, text: string) => Promise<void>;
  readonly remove: (channel: ChannelId) => Promise<void>;
}

/** Far above the size of any file that is written. */
const MOST_BYTES = 4 * 1024 * 1024;

/** The files with this suffix behind the channel's id. @throws WorldError `config`, `store-full` or `disk-failed` from every call when the folder can't be used. */
export function folderFiles<File extends { readonly channel: ChannelId }>(
  path: string,
  suffix: string,
  read: (text: string) => File | Unreadable,
): FolderFiles<File> {
  const nameOf = (channel: ChannelId): string => `${channel}${suffix}`;
  const pathOf = (channel: ChannelId): string => join(path, nameOf(channel));
  const guarded = <T>(work: () => Promise<T>): Promise<T> => asDiskErrors(path, work);
  return {
    channels: () =>
      guarded(async () => {
        const names = (await readdir(path)).filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
        return names.filter(isChannelId);
      }),
    read: async (channel) => {
      const text = await guarded(() => textOf(pathOf(channel)));
      const file = text === undefined ? undefined : read(text);
      if (file === undefined || isUnreadable(file) || file.channel === channel) return file;
      return { kind: 'unreadable', reason: 'it is the file of another channel than its name says', newer: false };
    },
    stamp: (channel) =>
      guarded(async () => {
        const found = await stat(pathOf(channel)).catch(absent);
        return found && `${found.ino} ${found.size} ${found.mtimeMs}`;
      }),
    put: (channel, text) => guarded(() => replaceFile(path, nameOf(channel), text)),
    remove: (channel) => guarded(() => rm(pathOf(channel), { force: true })),
  };
}

/** @throws WorldError for what the system says of this file or folder. */
export async function asDiskErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, path);
  }
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

/** The text of a file; undefined when there is none, empty when it is larger than any of ours. */
export async function textOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(absent);
  if (found === undefined) return undefined;
  return found.size > MOST_BYTES ? '' : readFile(path, 'utf8').catch(absent);
}

/** The value of a JSON text; undefined for any other text. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
