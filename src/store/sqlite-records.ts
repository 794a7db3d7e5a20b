import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { type StoredRecord, WorldError, type Write } from '../engine/ports.ts';
import { formatOf, migrations } from './migrate.ts';

/** Records read at a time, so that no read transaction stays open while a caller walks through a list. */
const PAGE = 256;

/** The statements of a store's file, prepared once. */
export class SqliteRecords {
  readonly #database: DatabaseSync;
  readonly #one: StatementSync;
  readonly #version: StatementSync;
  readonly #page: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#one = database.prepare('SELECT version, value FROM record WHERE kind = ? AND id = ?');
    this.#version = database.prepare('SELECT version FROM record WHERE kind = ? AND id = ?');
    this.#page = database.prepare(`SELECT id, version, value FROM record WHERE kind = ? AND id > ? ORDER BY id LIMIT ${PAGE}`);
    this.#insert = database.prepare('INSERT INTO record (kind, id, version, value) VALUES (?, ?, 1, ?)');
    this.#update = database.prepare('UPDATE record SET version = version + 1, value = ? WHERE kind = ? AND id = ?');
    this.#remove = database.prepare('DELETE FROM record WHERE kind = ? AND id = ?');
  }

  get(kind: string, id: string): StoredRecord | undefined {
    const row = this.#one.get(kind, id);
    return row && record(row);
  }

  /** The next records of a kind behind an id. */
  page(kind: string, after: string): readonly (StoredRecord & { readonly id: string })[] {
    return this.#page.all(kind, after).map((row) => ({ id: text(row['id']), ...record(row) }));
  }

  /** Applies each commit whose records are as expected, all under one sync; says which were. */
  transaction(commits: readonly (readonly Write[])[]): readonly boolean[] {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      this.#refuseNewer();
      const results = commits.map((writes) => this.#apply(writes));
      this.#database.exec('COMMIT');
      return results;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** A newer version of pawment may have migrated the file while this one had it open. */
  #refuseNewer(): void {
    if (formatOf(this.#database) === migrations.length) return;
    throw new WorldError('store-newer', 'a newer version of pawment has taken over this store', 'Stop this one and run the newer version.');
  }

  #apply(writes: readonly Write[]): boolean {
    if (!writes.every(({ kind, id, expected }) => Number(this.#version.get(kind, id)?.['version'] ?? 0) === expected)) return false;
    for (const { kind, id, expected, value } of writes) {
      if (value === undefined) this.#remove.run(kind, id);
      else if (expected === 0) this.#insert.run(kind, id, value);
      else this.#update.run(value, kind, id);
    }
    return true;
  }
}

type Row = Record<string, SQLOutputValue>;

function record(row: Row): StoredRecord {
  return { version: Number(row['version']), value: text(row['value']) };
}

/** The table is STRICT: a text column holds nothing but text. */
function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== 'string') throw new TypeError(`${typeof value} in a text column`);
  return value;
}
