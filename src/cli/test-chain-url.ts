import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLocked } from '../store/datadir-lock.ts';

/** Says in a data folder where its test chain serves. @returns how to take that back. */
export function noteChain(datadir: string, url: string): () => void {
  const path = notePath(datadir);
  writeFileSync(path, url, { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** Where a test chain serves that runs on one of these data folders, the first that there is; what a crash left says nothing. */
export function runningChain(datadirs: readonly string[]): string | undefined {
  const datadir = datadirs.find((one) => existsSync(notePath(one)) && isLocked(one, 'chain'));
  return datadir === undefined ? undefined : readFileSync(notePath(datadir), 'utf8');
}

function notePath(datadir: string): string {
  return join(datadir, 'chain.url');
}
