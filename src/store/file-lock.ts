import { existsSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isBusy, sqliteError } from './sqlite-error.ts';

/** Milliseconds that a starting program waits for programs that only look at the lock, and how often. */
const PATIENCE = 20;
const TRIES = 100;

/**
 * Holds a lock: SQLite's exclusive lock on an empty file. The system releases it when the process ends, however it ends, and it works across
 * containers on one system. Only SQLite may open that file: closing it once would release the lock too. The file stays after the release: if it were
 * deleted and made again, two programs could hold it under one name. Keep the returned function, or the lock is garbage collected; calling it
 * releases the lock, once. @returns undefined while another holds it. @throws WorldError when the file can't be made or opened.
 */
export function holdFile(path: string): (() => void) | undefined {
  make(path);
  for (let tries = 0; tries < TRIES && !isHeld(path); tries++) {
    const database = open(path);
    if (begun(database, path, 'BEGIN EXCLUSIVE')) {
      return () => {
        if (database.isOpen) database.close();
      };
    }
    database.close();
  }
  return undefined;
}

/** Whether a running program holds that file. */
export function isFileHeld(path: string): boolean {
  return existsSync(path) && isHeld(path);
}

/** If even reading is refused, somebody holds it; a program that only reads, or is about to take it, is gone in a moment. */
function isHeld(path: string): boolean {
  const database = open(path);
  try {
    return !begun(database, path, 'SELECT 1 FROM sqlite_schema');
  } finally {
    database.close();
  }
}

function begun(database: DatabaseSync, path: string, how: string): boolean {
  try {
    database.exec(how);
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw sqliteError(path, error);
  }
}

function open(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: PATIENCE });
  } catch (error) {
    throw sqliteError(path, error);
  }
}

/** Makes it for its owner only; SQLite would let others read it. An existing file is not opened. */
function make(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!existsSync(path)) throw sqliteError(path, error);
  }
}
