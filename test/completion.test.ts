import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Terminal } from './terminal.ts';

const run = promisify(execFile);
const scriptFor = async (shell: string): Promise<string> => (await run(process.execPath, ['bin/pawment.js', 'completion', shell])).stdout;

/** In CI a missing shell is a failure. */
function without(shell: string): string | false {
  const isThere = spawnSync(shell, ['--version'], { stdio: 'ignore' }).status === 0;
  return !isThere && process.env['CI'] === undefined && `no ${shell} here`;
}

/** What is typed, and all that fits. */
const CASES: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['wal'], ['wallet']],
  [
    ['wallet', 's'],
    ['send', 'sweep'],
  ],
  [['pay', 'tea', '--ti'], ['--times']],
  [['merchant', 'close', '--a'], ['--all']],
  [['close', '--wa'], ['--wait']],
];

test('bash completes commands, their own commands and flags, by the script that is printed', async () => {
  const script = await scriptFor('bash');
  for (const [words, fit] of CASES) {
    const line = words.map((word) => `'${word}'`).join(' ');
    const asked = `${script}\nCOMP_WORDS=(pawment ${line}); COMP_CWORD=${words.length}; _pawment; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run('bash', ['--norc', '-c', asked]);
    assert.deepEqual(stdout.trim().split('\n'), fit, words.join(' '));
  }
});

test('fish does likewise', { skip: without('fish') }, async () => {
  const script = await scriptFor('fish');
  for (const [words, fit] of CASES) {
    const { stdout } = await run('fish', ['--no-config', '-c', `${script}\ncomplete -C 'pawment ${words.join(' ')}'`]);
    assert.deepEqual(stdout.trim().split('\n'), fit, words.join(' '));
  }
});

test('zsh does likewise, with a Tab at its line', { skip: without('zsh'), timeout: 300_000 }, async () => {
  const home = await mkdtemp(join(tmpdir(), 'pawment-zsh-'));
  await writeFile(join(home, 'pawment.zsh'), await scriptFor('zsh'));
  const terminal = new Terminal(['zsh', '-f', '-i'], { HOME: home, PATH: process.env['PATH'] ?? '', TERM: 'dumb', PS1: 'at-line> ' });
  try {
    terminal.type(`source ${home}/pawment.zsh; echo is-"loaded"\n`);
    await terminal.saw('is-loaded');
    terminal.shown = terminal.shown.slice(terminal.shown.indexOf('is-loaded'));
    await terminal.saw('at-line> ');
    for (const [words, fit] of CASES) {
      terminal.shown = '';
      terminal.type(`pawment ${words.join(' ')}\t`);
      for (const word of fit) await terminal.saw(word);
      terminal.type('\u0015');
    }
  } finally {
    terminal.type('\u0015exit\n');
    await terminal.over;
    await rm(home, { recursive: true });
  }
});
