import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Check } from './fixture.ts';

const SOURCE = fileURLToPath(new URL('./verify.c', import.meta.url));

/** Plain C libsecp256k1 on this machine. */
export interface Baseline {
  /** Microseconds of CPU per verification of the given checks, keys parsed beforehand. */
  readonly measure: () => number;
  readonly close: () => void;
}

/** Builds the C program; says what to install when this machine can't. */
export function buildBaseline(checks: readonly Check[]): Baseline | { readonly missing: string } {
  const folder = mkdtempSync(join(tmpdir(), 'pawment-bench-'));
  const close = (): void => rmSync(folder, { recursive: true, force: true });
  const [program, records] = [join(folder, 'verify'), join(folder, 'checks')];
  const built = spawnSync('cc', ['-O3', '-o', program, SOURCE, '-lsecp256k1'], { encoding: 'utf8' });
  if (built.status !== 0) {
    close();
    return { missing: 'Install a C compiler and the Debian package libsecp256k1-dev to compare with plain C.' };
  }
  writeFileSync(records, Buffer.concat(checks.flatMap(({ key, digest, signature }) => [key, digest, signature])));
  return { measure: () => Number(execFileSync(program, [records], { encoding: 'utf8' })) / 1000, close };
}
