import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import * as z from 'zod';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import type { Book, PayeeEngine } from '../../engine/engine.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import { WatchWriter } from '../../merchant/watchtower/file-writer.ts';
import { watchFolder } from '../../merchant/watchtower/folder.ts';
import { PenaltyWriter, type PenaltyWriterOptions } from '../../payer/watchtower/file-writer.ts';
import { penaltyFolder } from '../../payer/watchtower/folder.ts';
import { makeFolder } from '../../store/make-folder.ts';

const RECORD = { kind: 'watch-to', id: 'folder' };
const recordField = z.object({ folder: z.string() });

/** A folder, false for none any more, undefined for the one that was given before. */
export interface WatchToFlags {
  readonly watchTo?: string | false;
}

export function withWatchTo(command: Command): Command {
  return command
    .option(
      '--watch-to <folder>',
      'write there, now and later, what pawment watch needs to punish revoked closes, and to close what is paid back',
    )
    .option('--no-watch-to', 'write there no more; what is there is left as it is');
}

/** What writes for a payer's watcher: to the folder that is given, or was before. Empty where there is none. */
export async function watchFiles(
  store: Store,
  { watchTo }: WatchToFlags,
  parts: Omit<PenaltyWriterOptions, 'folder'>,
): Promise<{ readonly folder?: string; readonly penalties?: PenaltyWriter }> {
  const record = await store.get(RECORD.kind, RECORD.id);
  const before = record && decodeStoredJson(recordField, 'The folder for the watcher', record.value).folder;
  const folder = watchTo === undefined ? before : watchTo === false ? undefined : resolve(watchTo);
  if (folder !== before) {
    if (folder !== undefined) await penaltyFolder(folder).claim();
    const value = folder === undefined ? undefined : JSON.stringify({ folder });
    await store.commit([{ ...RECORD, expected: record?.version ?? 0, value }]);
  }
  return folder === undefined ? {} : { folder, penalties: new PenaltyWriter({ ...parts, folder: penaltyFolder(folder) }) };
}

/** The folder of what a payer's watcher closes with: in channels the other way the payer is the payee. */
export function closesIn(folder: string): string {
  return join(folder, 'closes');
}

/** Keeps the closes of channels the other way, if there are any. Undefined where nothing is written for a watcher. */
export function closeFiles(
  folder: string | undefined,
  parts: Pick<PenaltyWriterOptions, 'chain' | 'keys' | 'clock'>,
  note: (text: string) => void,
): CloseFiles | undefined {
  if (folder === undefined) return undefined;
  const path = closesIn(folder);
  const writer = new WatchWriter({
    ...parts,
    coin: parts.chain.coin,
    folder: watchFolder(path),
    onTrouble: (channel, { kind }) => note(`The watcher's file of channel ${channel} is out of date: ${kind}.`),
  });
  return {
    book: writer,
    run: async ({ get, all, follower }) => {
      const { seen } = follower.report();
      if (seen === undefined) return;
      for await (const _ of all()) {
        makeFolder(path);
        return writer.run(get, seen.tip);
      }
    },
  };
}

export interface CloseFiles {
  /** Of the payer's own payee. */
  readonly book: Book<PayeeState>;
  readonly run: (payee: Pick<PayeeEngine, 'get' | 'all' | 'follower'>) => Promise<void>;
}

/** What can't be written now is written at the next reading; it must not keep a refund from going out. */
export async function bringUpToDate(work: Promise<void> | undefined, note: (text: string) => void): Promise<void> {
  await work?.catch((error: unknown) => {
    if (!(error instanceof WorldError)) throw error;
    note(`The files for the watcher are out of date: ${error.message} ${error.hint}`);
  });
}
