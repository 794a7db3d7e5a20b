import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { WorldError } from '../engine/ports.ts';
import { diskError } from './disk-error.ts';

/**
 * Makes a folder, and those above it that are missing, for its owner alone; one that is there stays as it is. Node's own way to make those above
 * never ends below a folder that denies being there to whoever makes something in it, as `/proc` does.
 * @throws WorldError `config`, `store-full` or `disk-failed`.
 */
export function makeFolder(name: string): void {
  const path = resolve(name);
  try {
    make(path);
  } catch (error) {
    throw diskError(error, path);
  }
}

/** The same, and shows that a file can be kept there. @throws WorldError likewise. */
export function makeWritableFolder(name: string): void {
  makeFolder(name);
  tryFolder(name);
}

/** Writes a small file into a folder, syncs it, and takes it away. @throws WorldError as `makeFolder` when that can't be done. */
export function tryFolder(name: string): void {
  const path = resolve(name);
  // A name that nobody can guess, and a file that was not there: in a folder that others share, a link would lead to a file of value.
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
  if (found !== undefined) throw new WorldError('config', `${path} is not a folder.`, 'Name a folder, or one that can be made.');
  if (dirname(path) !== path) make(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
    // Some umasks would keep its owner out.
    chmodSync(path, 0o700);
  } catch (error) {
    // Another program made it in the meantime.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
