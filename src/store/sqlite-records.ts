import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { type StoredRecord, WorldError, type Write } from '../engine/ports.ts';
import { recordChecksum } from './checksum.ts';
import { FORMAT_WITH_SUMS, formatOf, migrations } from './migrate.ts';

/** Records read at a time, so that no read transaction stays open while a caller goes through a list. */
const PAGE = 256;

/** The statements of a store's file, prepared once. */
export class SqliteRecords {
  readonly #database: DatabaseSync;
  readonly #one: StatementSync;
  readonly #page: StatementSync;
  #writing: Writing | undefined;

  /** A file of an older format that is open for reading only has no checksums yet. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    const columns = `id, version, value, ${formatOf(database) < FORMAT_WITH_SUMS ? 'NULL AS sum' : 'sum'}`;
    this.#one = database.prepare(`SELECT ${columns} FROM record WHERE kind = ? AND id = ?`);
    this.#page = database.prepare(`SELECT ${columns} FROM record WHERE kind = ? AND id > ? ORDER BY id LIMIT ${PAGE}`);
  }

  get(kind: string, id: string): StoredRecord | undefined {
    const row = this.#one.get(kind, id);
    return row && record(kind, row);
  }

  page(kind: string, after: string): readonly (StoredRecord & { readonly id: string })[] {
    return this.#page.all(kind, after).map((row) => ({ id: text(row['id']), ...record(kind, row) }));
  }

  /** Applies each commit whose records are at their expected versions, all with one sync; returns which were applied. */
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

  /** A newer version of pawment may have changed the file's format while this one had it open. */
  #refuseNewer(): void {
    if (formatOf(this.#database) === migrations.length) return;
    throw new WorldError(
      'store-newer',
      'a newer version of pawment has changed the format of this store',
      'Stop this one and run the newer version.',
    );
  }

  #apply(writes: readonly Write[]): boolean {
    this.#writing ??= writing(this.#database);
    const { versionOf, insert, update, remove } = this.#writing;
    if (!writes.every(({ kind, id, expected }) => Number(versionOf.get(kind, id)?.['version'] ?? 0) === expected)) return false;
    for (const { kind, id, expected, value } of writes) {
      if (value === undefined) remove.run(kind, id);
      else if (expected === 0) insert.run(kind, id, value, recordChecksum(kind, id, 1, value));
      else update.run(value, recordChecksum(kind, id, expected + 1, value), kind, id);
    }
    return true;
  }
}

interface Writing {
  readonly versionOf: StatementSync;
  readonly insert: StatementSync;
  readonly update: StatementSync;
  readonly remove: StatementSync;
}

function writing(database: DatabaseSync): Writing {
  return {
    versionOf: database.prepare('SELECT version FROM record WHERE kind = ? AND id = ?'),
    insert: database.prepare('INSERT INTO record (kind, id, version, value, sum) VALUES (?, ?, 1, ?, ?)'),
    update: database.prepare('UPDATE record SET version = version + 1, value = ?, sum = ? WHERE kind = ? AND id = ?'),
    remove: database.prepare('DELETE FROM record WHERE kind = ? AND id = ?'),
  };
}

type Row = Record<string, SQLOutputValue>;

/** @throws WorldError `store-damaged` when it is not what was written. */
function record(kind: string, row: Row): StoredRecord {
  const [id, version, value, sum] = [text(row['id']), Number(row['version']), text(row['value']), row['sum']];
  if (sum !== null && sum !== recordChecksum(kind, id, version, value)) {
    const hint = 'Nothing was changed. Restore a backup, but keep this file: the other records may be good.';
    throw new WorldError('store-damaged', `the record ${kind} ${id} is not what was written`, hint);
  }
  return { version, value };
}

/** The table is STRICT: a text column holds only text. */
function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== 'string') throw new TypeError(`${typeof value} in a text column`);
  return value;
}
