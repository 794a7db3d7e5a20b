import { resolve } from 'node:path';
import type { Command } from 'commander';
import * as z from 'zod';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import { PenaltyWriter, type PenaltyWriterOptions } from '../../payer/watchtower/file-writer.ts';
import { penaltyFolder } from '../../payer/watchtower/folder.ts';

const RECORD = { kind: 'watch-to', id: 'folder' };
const recordField = z.object({ folder: z.string() });

/** A folder, false for none any more, undefined for the one that was given before. */
export interface WatchToFlags {
  readonly watchTo?: string | false;
}

export function withWatchTo(command: Command): Command {
  return command
    .option('--watch-to <folder>', 'write there, now and later, what pawment watch needs to punish revoked closes')
    .option('--no-watch-to', 'write there no more; what is there is left as it is');
}

/** What writes for a payer's watcher: to the folder that is given, or was before. Undefined where there is none. */
export async function watchFiles(
  store: Store,
  { watchTo }: WatchToFlags,
  parts: Omit<PenaltyWriterOptions, 'folder'>,
): Promise<PenaltyWriter | undefined> {
  const record = await store.get(RECORD.kind, RECORD.id);
  const before = record && decodeStoredJson(recordField, 'The folder for the watcher', record.value).folder;
  const folder = watchTo === undefined ? before : watchTo === false ? undefined : resolve(watchTo);
  if (folder !== before) {
    if (folder !== undefined) await penaltyFolder(folder).claim();
    const value = folder === undefined ? undefined : JSON.stringify({ folder });
    await store.commit([{ ...RECORD, expected: record?.version ?? 0, value }]);
  }
  return folder === undefined ? undefined : new PenaltyWriter({ ...parts, folder: penaltyFolder(folder) });
}

/** What can't be written now is written at the next reading; it must not keep a refund from going out. */
export async function bringUpToDate(writer: PenaltyWriter | undefined, note: (text: string) => void): Promise<void> {
  await writer?.run().catch((error: unknown) => {
    if (!(error instanceof WorldError)) throw error;
    note(`The files for the watcher are out of date: ${error.message} ${error.hint}`);
  });
}
