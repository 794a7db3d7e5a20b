import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import type { Verify } from '../core/tx/sign.ts';
import { type Clock, WorldError } from '../engine/ports.ts';
import { type Audit, audit, lostIn } from './audit.ts';
import { makeFolder } from './make-folder.ts';
import { readSqlite } from './sqlite.ts';
import { sqliteError } from './sqlite-error.ts';

/** One backup of a store, and its note. Backups are only ever added, each with the next number. */
export interface Generation {
  /** The file itself. */
  readonly path: string;
  readonly number: number;
  readonly name: string;
  readonly coin: string;
  /** Unix time in milliseconds. */
  readonly madeAt: number;
  /** SHA-256 of the file, 64 hex digits. */
  readonly sha256: string;
  readonly channels: number;
}

export interface BackupOptions {
  /** The store to save; another program may have it open. */
  readonly store: string;
  readonly folder: string;
  /** What kind of store it is: `payer`, `merchant`. */
  readonly name: string;
  readonly coin: string;
  readonly verify: Verify;
  readonly clock: Clock;
  /** How many backups are kept; older ones are deleted. 30 unless given. */
  readonly keep?: number;
}

const KEPT = 30;
/** How many lines of what would be lost are shown. */
const SHOWN = 10;

const noteField = z.strictObject({
  format: z.literal(1),
  number: z.int().positive(),
  name: z.string(),
  coin: z.string(),
  madeAt: z.int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  channels: z.int(),
});

/** The backups in a folder, oldest first. A file without its note, or a note without its file, does not count. */
export function generationsIn(folder: string, name: string): readonly Generation[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).flatMap((file) => {
    const path = join(folder, file.replace(/\.json$/, '.sqlite'));
    if (!file.startsWith(`${name}-`) || !file.endsWith('.json') || !existsSync(path)) return [];
    const note = noteField.safeParse(parsed(join(folder, file)));
    return note.success && note.data.name === name ? [{ path, ...note.data }] : [];
  });
  return found.sort((a, b) => a.number - b.number);
}

/**
 * Saves a store as the next backup: copies it while others may write to it, syncs the copy, reads it back and checks it; only then it counts. @throws
 * WorldError `store-shrunk` when the newest good backup knows more than the store, because the new one would have less. `store-damaged`.
 */
export async function makeBackup(options: BackupOptions): Promise<Generation> {
  const { store, folder, name, coin, verify, clock, keep = KEPT } = options;
  if (!existsSync(store)) throw damaged(store, 'is gone');
  makeFolder(folder);
  const before = generationsIn(folder, name);
  const number = (before.at(-1)?.number ?? 0) + 1;
  const path = join(folder, `${name}-${String(number).padStart(6, '0')}.sqlite`);
  const draft = `${path}.new`;
  try {
    await copyLive(store, draft);
    const made = await audited(draft, verify);
    refuseFaults(draft, made);
    const newest = await newestGood(before, verify);
    if (newest !== undefined) refuseLess(lostIn(newest, made), `the backup before, in ${folder},`);
    const note = { number, name, coin, madeAt: clock.now(), sha256: await sha256Of(draft), channels: made.channels.size };
    settle(draft, path);
    const noted = `${path.slice(0, -'.sqlite'.length)}.json`;
    writeFileSync(`${noted}.new`, JSON.stringify({ format: 1, ...note }), { mode: 0o600 });
    settle(`${noted}.new`, noted);
    for (const old of before.slice(0, Math.max(0, before.length + 1 - keep))) remove(old);
    return { path, ...note };
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A backup's own content. @throws WorldError `store-damaged` when it is not what was saved. */
export async function readGeneration({ path, sha256 }: Pick<Generation, 'path' | 'sha256'>, verify: Verify): Promise<Audit> {
  if ((await sha256Of(path)) !== sha256) throw damaged(path, 'is not the file that was saved');
  const found = await audited(path, verify);
  refuseFaults(path, found);
  return found;
}

/** Everything in a store's file, read and checked; the file may be in use. @throws WorldError `store-damaged`, `store-newer`. */
export async function auditFile(path: string, verify: Verify): Promise<Audit> {
  if (!existsSync(path)) throw new WorldError('config', `${path} does not exist.`, 'Give the path of a file that exists.');
  const found = await audited(path, verify);
  return found;
}

export interface RestoreOptions {
  readonly generation: Pick<Generation, 'path' | 'sha256'>;
  /** The store to replace. No program may have it open. */
  readonly store: string;
  readonly verify: Verify;
  readonly clock: Clock;
  /** Replace the present store even if it knows more. */
  readonly isForced: boolean;
}

export interface Restored {
  readonly audit: Audit;
  /** The new place of the store that was there before. */
  readonly replaced?: string;
  /** What it knew and the restored one does not. */
  readonly lost: readonly string[];
}

/**
 * Replaces a store with a backup. The old store is kept in the same folder under another name. @throws WorldError `store-shrunk` when the present
 * store knows more, unless forced; `store-damaged` when the backup is not intact.
 */
export async function restoreBackup({ generation, store, verify, clock, isForced }: RestoreOptions): Promise<Restored> {
  const saved = await readGeneration(generation, verify);
  const present = existsSync(store) ? await audited(store, verify).catch(() => undefined) : undefined;
  const lost = present === undefined ? [] : lostIn(present, saved);
  if (!isForced) refuseLess(lost, `the store ${store}`);
  makeFolder(dirname(store));
  const draft = `${store}.restored`;
  await copyFile(generation.path, draft);
  chmodSync(draft, 0o600);
  sync(draft);
  const replaced = existsSync(store) || existsSync(`${store}-wal`) ? setAside(store, clock) : undefined;
  settle(draft, store);
  return { audit: saved, lost, ...(replaced === undefined ? {} : { replaced }) };
}

/** The log belongs to the file: one without the other is not the store. */
function setAside(store: string, clock: Clock): string {
  const aside = `${store}.replaced-${clock.now()}`;
  for (const end of ['', '-wal', '-shm']) if (existsSync(`${store}${end}`)) renameSync(`${store}${end}`, `${aside}${end}`);
  return aside;
}

async function newestGood(generations: readonly Generation[], verify: Verify): Promise<Audit | undefined> {
  for (const generation of generations.toReversed()) {
    const found = await readGeneration(generation, verify).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function audited(path: string, verify: Verify): Promise<Audit> {
  const store = readSqlite(path);
  try {
    return await audit(store, verify);
  } finally {
    await store.close();
  }
}

/** SQLite copies page by page, and starts again when the store changes meanwhile; the copy needs no log. */
async function copyLive(from: string, to: string): Promise<void> {
  // SQLite would make a file that others can read.
  writeFileSync(to, '', { mode: 0o600 });
  const source = openReadable(from);
  try {
    await backup(source, to, { rate: 1_000 });
  } catch (error) {
    throw sqliteError(from, error);
  } finally {
    source.close();
  }
  const copy = new DatabaseSync(to);
  copy.exec('PRAGMA journal_mode = DELETE');
  copy.close();
  sync(to);
}

function openReadable(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  } catch (error) {
    throw sqliteError(path, error);
  }
}

function refuseFaults(path: string, { faults }: Audit): void {
  if (faults.length > 0) throw damaged(path, `has records that can’t be right: ${shown(faults)}`);
}

function refuseLess(lost: readonly string[], what: string): void {
  if (lost.length === 0) return;
  const hint = 'Find out why before anything is lost. Restore the newest backup, or use another folder if you want to start anew.';
  throw new WorldError('store-shrunk', `${what} knows more: ${shown(lost)}`, hint);
}

function shown(lines: readonly string[]): string {
  const more = lines.length > SHOWN ? `; and ${lines.length - SHOWN} more` : '';
  return `${lines.slice(0, SHOWN).join('; ')}${more}`;
}

function damaged(path: string, how: string): WorldError {
  return new WorldError('store-damaged', `${path} ${how}`, 'Restore an earlier backup: pawment restore');
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function remove({ path }: Generation): void {
  // The note goes first: a file without a note does not count as a backup, but a note without its file would promise one.
  rmSync(`${path.slice(0, -'.sqlite'.length)}.json`, { force: true });
  rmSync(path, { force: true });
}

/** Gives a complete, synced file its final name. */
function settle(draft: string, path: string): void {
  sync(draft);
  renameSync(draft, path);
  // Windows can't open folders, and makes names durable by itself.
  if (process.platform !== 'win32') sync(dirname(path));
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
