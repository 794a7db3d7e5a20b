import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WorldError } from '../engine/ports.ts';

export type LockRole = 'payer' | 'merchant' | 'chain';

/** Locks of this very process: after a crash in a container the next one may have the same number. */
const held = new Set<string>();

/** Keeps a data folder for one running program of a role. @throws WorldError `config` while another holds it. @returns how to give it up. */
export function lockDatadir(datadir: string, role: LockRole): () => void {
  mkdirSync(datadir, { recursive: true, mode: 0o700 });
  const path = pathOf(datadir, role);
  if (!take(path)) {
    const owner = holderOf(path);
    if (owner !== undefined) {
      throw new WorldError('config', `Another pawment (process ${owner}) is using ${datadir} as ${role}.`, 'Wait for it, or stop it.');
    }
    // Left behind by a process that is gone.
    rmSync(path, { force: true });
    if (!take(path)) throw new WorldError('config', `Another pawment has just begun to use ${datadir}.`, 'Try again.');
  }
  held.add(path);
  const release = (): void => {
    process.off('exit', release);
    if (held.delete(path) && ownerOf(path) === process.pid) rmSync(path, { force: true });
  };
  process.once('exit', release);
  return release;
}

/** Whether a running program holds the data folder in that role. */
export function isLocked(datadir: string, role: LockRole): boolean {
  return holderOf(pathOf(datadir, role)) !== undefined;
}

function pathOf(datadir: string, role: LockRole): string {
  return join(resolve(datadir), `${role}.lock`);
}

function holderOf(path: string): number | undefined {
  const owner = ownerOf(path);
  if (owner === undefined) return undefined;
  return (owner === process.pid ? held.has(path) : isAlive(owner)) ? owner : undefined;
}

function take(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

function ownerOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // No permission to signal it: it is somebody else's, and alive.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
