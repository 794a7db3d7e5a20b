import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WorldError } from '../engine/ports.ts';
import { recordChecksum } from './checksum.ts';
import { APPLICATION_ID } from './header.ts';
import { FORMAT, FORMAT_WITH_SUMS, formatOf, migrate } from './migrate.ts';
import { sqliteError } from './sqlite-error.ts';

/** SQLite's default, set when a store is made. */
const PAGE_SIZE = 4096;
/** Milliseconds that a reader waits for a writer. */
const READ_TIMEOUT = 5_000;
const RESTORE = 'Nothing was changed. Put the right file back, or restore a backup. To start with a new store, give a path without a file.';

/**
 * Opens a store's file, or makes it when it does not exist. A file that is not an intact store is refused and not changed. @throws WorldError
 * `store-damaged`, `store-newer`, `store-busy` or `config`.
 */
export function openFile(name: string, busyTimeout: number): DatabaseSync {
  const path = resolve(name);
  try {
    const file = statSync(path, { throwIfNoEntry: false });
    if (file === undefined) create(path);
    else if (!file.isFile()) throw new WorldError('config', `${path} is not a file`, 'Give a path for the store’s file.');
    else if (file.size === 0) throw damaged(path, 'is empty');
    else if (file.size % PAGE_SIZE !== 0 && !hasLog(path)) throw damaged(path, 'is not a complete database');
    return openChecked(path, busyTimeout);
  } catch (error) {
    throw sqliteError(path, error);
  }
}

/** Opens a store's file for reading; not one byte of it changes. @throws WorldError as `openFile`; an older format is read as it is. */
export function openForReading(name: string): DatabaseSync {
  const path = resolve(name);
  try {
    if (!existsSync(path)) throw damaged(path, 'is missing');
    const database = new DatabaseSync(path, { readOnly: true, timeout: READ_TIMEOUT });
    try {
      check(database, path, 'integrity_check');
      checkRecords(database, path);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw sqliteError(path, error);
  }
}

/** Earlier formats have no checksums. */
function checkRecords(database: DatabaseSync, path: string): void {
  if (!hasTable(database)) throw damaged(path, 'lacks its table');
  if (formatOf(database) >= FORMAT_WITH_SUMS) checkSums(database, path);
}

function damaged(path: string, how: string): WorldError {
  return new WorldError('store-damaged', `the store ${path} ${how}`, RESTORE);
}

function openChecked(path: string, timeout: number): DatabaseSync {
  const database = new DatabaseSync(path, { timeout });
  try {
    check(database, path);
    // FULL syncs the log at every commit; fullfsync also flushes the disk's own cache on macOS.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON');
    migrate(database);
    checkRecords(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function check(database: DatabaseSync, path: string, how: 'quick_check' | 'integrity_check' = 'quick_check'): void {
  const id = database.prepare('PRAGMA application_id').get()?.['application_id'];
  if (id !== APPLICATION_ID) throw damaged(path, 'is a database of another program');
  const format = formatOf(database);
  if (format > FORMAT) {
    const message = `the store ${path} has format ${format}; this program knows formats up to ${FORMAT}`;
    throw new WorldError('store-newer', message, 'Run the newer version of pawment that wrote it.');
  }
  if (format === 0) throw damaged(path, 'has no format number');
  const found = database.prepare(`PRAGMA ${how}(1)`).get()?.[how];
  if (found !== 'ok') throw damaged(path, `is damaged: ${found}`);
}

/** Checks every record, also those that nobody would ask for because their names are damaged. */
function checkSums(database: DatabaseSync, path: string): void {
  for (const { kind, id, version, value, sum } of database.prepare('SELECT kind, id, version, value, sum FROM record').iterate()) {
    if (sum !== recordChecksum(String(kind), String(id), Number(version), String(value))) throw damaged(path, `is damaged: ${kind} ${id}`);
  }
}

function hasTable(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'record'").get() !== undefined;
}

/** After a crash the file may end with half a page that is complete in the log; without a log that is damage, which SQLite would fill with zeroes. */
function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Builds the file under another name and then links it to `path`, so that `path` never holds an incomplete store. */
function create(path: string): void {
  if (existsSync(`${path}-wal`)) throw damaged(path, 'is missing, but its log (-wal) is still there');
  const draft = `${path}.${randomUUID()}.new`;
  closeSync(openSync(draft, 'wx', 0o600));
  try {
    const database = new DatabaseSync(draft);
    database.exec(
      `PRAGMA page_size = ${PAGE_SIZE}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`,
    );
    migrate(database);
    database.close();
    link(draft, path);
  } finally {
    for (const end of ['', '-wal', '-shm']) rmSync(`${draft}${end}`, { force: true });
  }
}

function link(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    // Another program made the store in the meantime: use that one.
    if (!existsSync(path)) throw error;
  }
  // Windows can't open folders, and makes names durable by itself.
  if (process.platform === 'win32') return;
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
