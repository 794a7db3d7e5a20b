import { join } from 'node:path';
import * as z from 'zod';
import type { ChannelId } from '../../core/base/bytes.ts';
import { asDiskErrors, folderFiles, parsedJson, replaceFile, textOf, type Unreadable } from '../../store/folder-files.ts';
import { type PenaltyFile, readPenaltyFile, writePenaltyFile } from './file-format.ts';

/**
 * What a payer gives its watchers: one file for each channel in which something was revoked. Every file is replaced as a whole. Its reader can take
 * what revoked closes hold, to wherever it likes, and nothing else.
 */
export interface PenaltyFolder {
  /** Whether a payer writes here. */
  readonly isClaimed: () => Promise<boolean>;
  /** Makes the folder where there is none, and marks it as a payer's. */
  readonly claim: () => Promise<void>;
  readonly channels: () => Promise<readonly ChannelId[]>;
  /** Undefined when there is no such file. */
  readonly read: (channel: ChannelId) => Promise<PenaltyFile | Unreadable | undefined>;
  /** Changes whenever the file changes; undefined when there is none. */
  readonly stamp: (channel: ChannelId) => Promise<string | undefined>;
  /** When it resolves, the file is safely on the disk. */
  readonly write: (file: PenaltyFile) => Promise<void>;
  readonly remove: (channel: ChannelId) => Promise<void>;
}

const MARK = 'payer.json';
const SUFFIX = '.penalty.json';
const markField = z.object({ format: z.int() });

/** @throws WorldError `config`, `store-full` or `disk-failed` from every call when the folder can't be used. */
export function penaltyFolder(path: string): PenaltyFolder {
  const { channels, read, stamp, put, remove } = folderFiles(path, SUFFIX, readPenaltyFile);
  const isMarked = (): Promise<boolean> =>
    asDiskErrors(path, async () => markField.safeParse(parsedJson((await textOf(join(path, MARK))) ?? '')).success);
  return {
    isClaimed: async () => (await isMarked()) || (await channels()).length > 0,
    claim: async () => {
      if (await isMarked()) return;
      await asDiskErrors(path, () => replaceFile(path, MARK, `${JSON.stringify({ format: 1 })}\n`));
    },
    channels,
    stamp,
    remove,
    read,
    write: (file) => put(file.channel, writePenaltyFile(file)),
  };
}
