import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { WorldError } from '../engine/ports.ts';
import { diskError } from './disk-error.ts';

/**
 * Makes a folder and its missing parents, for its owner only; an existing one is not changed. Node's own function for that never returns for a folder
 * that claims not to exist when something is made in it, as in `/proc`. @throws WorldError `config`, `store-full` or `disk-failed`.
 */
export function makeFolder(name: string): void {
  const path = resolve(name);
  try {
    make(path);
  } catch (error) {
    throw diskError(error, path);
  }
}

/** The same, and checks that a file can be stored there. @throws WorldError likewise. */
export function makeWritableFolder(name: string): void {
  makeFolder(name);
  tryFolder(name);
}

/** Writes a small file into a folder, syncs it, and deletes it. @throws WorldError as `makeFolder` when that can't be done. */
export function tryFolder(name: string): void {
  const path = resolve(name);
  // A name that nobody can guess, and a new file: in a shared folder, an existing name could be a link to an important file.
  const trial = join(path, `.trial-${randomUUID()}`);
  try {
    const file = openSync(trial, 'wx', 0o600);
    try {
      writeSync(file, 'trial\n');
      fsyncSync(file);
    } finally {
      closeSync(file);
      rmSync(trial, { force: true });
    }
  } catch (error) {
    throw diskError(error, path);
  }
}

function make(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  if (found !== undefined) throw new WorldError('config', `${path} is not a folder.`, 'Use a folder that exists or can be made.');
  if (dirname(path) !== path) make(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
    // With some umasks even its owner could not enter.
    chmodSync(path, 0o700);
  } catch (error) {
    // Another program made it in the meantime.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
