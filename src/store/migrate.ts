import type { DatabaseSync } from 'node:sqlite';
import { recordChecksum } from './checksum.ts';

/** Brings a database from format n to n + 1. Runs inside the one transaction that also sets the new format number. */
export type Migration = (database: DatabaseSync) => void;

/** Entry n leads from format n to n + 1; 0 is an empty file. Entries are only ever added, because files of every format exist. */
export const migrations: readonly Migration[] = [
  (database) => {
    database.exec(`
      CREATE TABLE record (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL CHECK (version > 0),
        value TEXT NOT NULL,
        PRIMARY KEY (kind, id)
      ) STRICT, WITHOUT ROWID`);
  },
  (database) => {
    database.function('record_sum', (kind, id, version, value) => recordChecksum(String(kind), String(id), Number(version), String(value)));
    database.exec(
      'ALTER TABLE record ADD COLUMN sum INTEGER NOT NULL DEFAULT -1; UPDATE record SET sum = record_sum(kind, id, version, value)',
    );
  },
];

/** From this format on every record has its checksum. */
export const FORMAT_WITH_SUMS = 2;

/** The format that this program writes. */
export const FORMAT: number = migrations.length;

/** A file's format, stored in SQLite's `user_version`. */
export function formatOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** Brings the file to format `list.length`, completely or not at all; waits for another program that is doing the same. */
export function migrate(database: DatabaseSync, list: readonly Migration[] = migrations): void {
  if (formatOf(database) >= list.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of list.slice(formatOf(database))) step(database);
    if (formatOf(database) < list.length) database.exec(`PRAGMA user_version = ${list.length}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
