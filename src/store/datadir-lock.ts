import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WorldError } from '../engine/ports.ts';
import { holdFile, isFileHeld } from './file-lock.ts';
import { makeFolder } from './make-folder.ts';

export type LockRole = 'payer' | 'merchant' | 'chain';

/**
 * Reserves a data folder for one running program in a role. @throws WorldError `config` while another holds it. @returns the function that gives it
 * up.
 */
export function lockDatadir(datadir: string, role: LockRole): () => void {
  makeFolder(datadir);
  const letGo = holdFile(lockPath(datadir, role));
  if (letGo === undefined) {
    const hint = 'Wait for it, or stop it. It may run in a container, where process numbers differ.';
    throw new WorldError('config', `Another pawment${holder(datadir, role)} is using ${datadir} as ${role}.`, hint);
  }
  const note = notePath(datadir, role);
  writeFileSync(note, String(process.pid), { mode: 0o600 });
  let isReleased = false;
  const release = (): void => {
    process.off('exit', release);
    if (isReleased) return;
    isReleased = true;
    rmSync(note, { force: true });
    letGo();
  };
  // This reference also keeps the lock from being garbage collected.
  process.once('exit', release);
  return release;
}

/** Whether a running program holds the data folder in that role. */
export function isLocked(datadir: string, role: LockRole): boolean {
  return isFileHeld(lockPath(datadir, role));
}

function lockPath(datadir: string, role: LockRole): string {
  return join(resolve(datadir), `${role}.held`);
}

/** Tells people which program holds it; nothing else reads this. */
function notePath(datadir: string, role: LockRole): string {
  return join(resolve(datadir), `${role}.lock`);
}

function holder(datadir: string, role: LockRole): string {
  const note = notePath(datadir, role);
  const [pid] = existsSync(note) ? (/^\d{1,10}$/.exec(readFileSync(note, 'utf8')) ?? []) : [];
  return pid === undefined ? '' : ` (process ${pid})`;
}
