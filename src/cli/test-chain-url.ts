import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLocked } from '../store/datadir-lock.ts';

/** Records in a data folder where its test chain serves. @returns the function that removes the record. */
export function noteChain(datadir: string, url: string): () => void {
  const path = notePath(datadir);
  writeFileSync(path, url, { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** The address of a test chain that is running on one of these data folders, the first one found; a record that a crash left does not count. */
export function runningChain(datadirs: readonly string[]): string | undefined {
  const datadir = datadirs.find((one) => existsSync(notePath(one)) && isLocked(one, 'chain'));
  return datadir === undefined ? undefined : readFileSync(notePath(datadir), 'utf8');
}

function notePath(datadir: string): string {
  return join(datadir, 'chain.url');
}
