import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WorldError } from '../engine/ports.ts';
import { isBusy, sqliteError } from '../store/sqlite-error.ts';

export type LockRole = 'payer' | 'merchant' | 'chain';

/** Milliseconds that a starter waits for those that only look, and how often it does. */
const PATIENCE = 20;
const TRIES = 100;

/**
 * Keeps a data folder for one running program of a role: SQLite's exclusive lock on an empty file, which the system itself lets go when the process
 * ends, however it ends, and which holds across containers on one system. Nothing but SQLite may open that file: closing it once would let go too.
 * @throws WorldError `config` while another holds it. @returns how to give it up.
 */
export function lockDatadir(datadir: string, role: LockRole): () => void {
  mkdirSync(datadir, { recursive: true, mode: 0o700 });
  const held = take(lockPath(datadir, role));
  if (held === undefined) {
    const hint = 'Wait for it, or stop it. It may run in a container, where numbers of processes are other ones.';
    throw new WorldError('config', `Another pawment${holder(datadir, role)} is using ${datadir} as ${role}.`, hint);
  }
  const note = notePath(datadir, role);
  writeFileSync(note, String(process.pid), { mode: 0o600 });
  const release = (): void => {
    process.off('exit', release);
    if (!held.isOpen) return;
    rmSync(note, { force: true });
    held.close();
  };
  // It also keeps the lock from being collected.
  process.once('exit', release);
  return release;
}

/** Whether a running program holds the data folder in that role. */
export function isLocked(datadir: string, role: LockRole): boolean {
  const path = lockPath(datadir, role);
  return existsSync(path) && isHeld(path);
}

/** It stays when it is given up: a file that comes and goes could be held twice, under one name. */
function lockPath(datadir: string, role: LockRole): string {
  return join(resolve(datadir), `${role}.held`);
}

/** Says who holds it, for people only. */
function notePath(datadir: string, role: LockRole): string {
  return join(resolve(datadir), `${role}.lock`);
}

function take(path: string): DatabaseSync | undefined {
  make(path);
  for (let tries = 0; tries < TRIES && !isHeld(path); tries++) {
    const database = open(path);
    if (begun(database, path, 'BEGIN EXCLUSIVE')) return database;
    database.close();
  }
  return undefined;
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

function holder(datadir: string, role: LockRole): string {
  const note = notePath(datadir, role);
  const [pid] = existsSync(note) ? (/^\d{1,10}$/.exec(readFileSync(note, 'utf8')) ?? []) : [];
  return pid === undefined ? '' : ` (process ${pid})`;
}
