import { existsSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isBusy, sqliteError } from './sqlite-error.ts';

/** Milliseconds that a starter waits for those that only look, and how often it does. */
const PATIENCE = 20;
const TRIES = 100;

/**
 * Holds a lock: SQLite's exclusive one on an empty file, which the system itself lets go when the process ends, however it ends, and which holds across
 * containers on one system. Nothing but SQLite may open that file: closing it once would let go too. It stays when it is given up: a file that comes and
 * goes could be held twice, under one name. What is returned has to be kept, or the lock is collected; calling it gives up, once.
 * @returns undefined while another holds it. @throws WorldError when the file can't be made or opened.
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

/** Who is refused even to read meets a holder; who only reads, or has begun to take it, is soon gone. */
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

/** For its owner only; SQLite would let others read it. One that is there is not opened. */
function make(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!existsSync(path)) throw sqliteError(path, error);
  }
}
