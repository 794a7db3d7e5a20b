import type { DatabaseSync } from 'node:sqlite';
import { type Store, WorldError } from '../engine/ports.ts';
import { commitGroup } from './group-commit.ts';
import { sqliteError } from './sqlite-error.ts';
import { openFile, openForReading } from './sqlite-file.ts';
import { SqliteRecords } from './sqlite-records.ts';
import { checkWrites } from './validate-writes.ts';

export interface SqliteOptions {
  /** Limit of the file's size; a commit beyond it throws `store-full`. Unset: the disk is the limit. */
  readonly maxBytes?: number;
  /** How long to wait for another program that is writing to the file, in milliseconds; 5,000 unless given. */
  readonly busyTimeout?: number;
}

const BUSY_TIMEOUT = 5_000;

/**
 * A store in one SQLite file, for one machine; several processes may share it. The commits of one turn of the event loop share one sync (group
 * commit), each still all or nothing. A commit that throws may or may not have happened: read the record again. `list` gives every record that is not
 * changed meanwhile, once and in order; records written meanwhile may be included or not. @throws WorldError `store-damaged`, `store-newer`,
 * `store-busy` or `config`; a missing file is made, any file that is not a store is not changed.
 */
export function openSqlite(path: string, options: SqliteOptions = {}): Store {
  const database = openFile(path, options.busyTimeout ?? BUSY_TIMEOUT);
  if (options.maxBytes !== undefined) limit(database, options.maxBytes);
  const records = new SqliteRecords(database);

  const attempt = <T>(work: () => T): T => {
    if (!database.isOpen) throw closed(path);
    try {
      return work();
    } catch (error) {
      throw sqliteError(path, error);
    }
  };
  const group = commitGroup(async (commits) => attempt(() => records.transaction(commits)));

  return {
    get: async (kind, id) => attempt(() => records.get(kind, id)),
    list: async function* (kind) {
      let page = attempt(() => records.page(kind, ''));
      while (page.length > 0) {
        yield* page;
        const last = page.at(-1)?.id ?? '';
        page = attempt(() => records.page(kind, last));
      }
    },
    commit: async (writes) => {
      checkWrites(writes);
      if (!database.isOpen) throw closed(path);
      return group.commit(writes);
    },
    close: async () => {
      await group.drain();
      if (database.isOpen) database.close();
    },
  };
}

/** A store for reading only; not one byte of its file changes. @throws WorldError `store-damaged`, also for a missing file, and `store-newer`. */
export function readSqlite(path: string): Pick<Store, 'list' | 'close'> {
  const database = openForReading(path);
  const records = new SqliteRecords(database);
  return {
    list: async function* (kind) {
      try {
        for (let page = records.page(kind, ''); page.length > 0; page = records.page(kind, page.at(-1)?.id ?? '')) yield* page;
      } catch (error) {
        throw sqliteError(path, error);
      }
    },
    close: async () => database.close(),
  };
}

function closed(path: string): WorldError {
  return new WorldError('store-closed', `the store ${path} is closed`, 'Open it again.');
}

function limit(database: DatabaseSync, maxBytes: number): void {
  const pageSize = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageSize))}`);
}
