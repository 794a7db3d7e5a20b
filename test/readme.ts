import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Commands that are the whole of what CI does, or of what a newcomer does first: CI itself runs them. */
export const TOP_LEVEL: readonly string[] = ['npm ci && npm run demo', 'npm run test:everything'];

const readme = await readFile('README.md', 'utf8');

/** The README's code blocks of a language. */
export function blocks(language: string): readonly string[] {
  return [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, tag]) => tag === language).map(([, , text = '']) => text);
}

/** The commands to try, line by line. */
export function commands(): readonly string[] {
  return blocks('sh')
    .filter((text) => !TOP_LEVEL.includes(text.trim()))
    .flatMap((text) => text.trim().split('\n'));
}

/** Runs the lines as written, one after the other, and checks what they come to. */
export async function runCommands(lines: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'pawment-readme-'));
  // A program in the background has come up when it says its first line; a person would wait for that too.
  const script = lines.map((line, i) =>
    line.endsWith(' &')
      ? `${line.slice(0, -2)} > ${home}/${i} 2> ${home}/${i}.err &\nuntil [ -s ${home}/${i} ]; do kill -0 $! || exit 1; sleep 0.1; done`
      : line,
  );
  try {
    const { code, out } = await bash(`set -e\n${script.join('\n')}\n`, {
      ...process.env,
      HOME: home,
      PAWMENT_DATADIR: join(home, 'data'),
      ...env,
    });
    assert.equal(code, 0, out);
    assert.match(out, /100 payments, 10 [A-Z]+ in all/);
    assert.match(out, /closed, 10 paid, 89\.9\d+ of 100 [A-Z]+ back/);
    assert.match(out, /20 payments, 2 [A-Z]+ in all/);
    assert.match(out, /settled by [0-9a-f]{64}/);
  } finally {
    await rm(home, { recursive: true });
  }
}

/** Runs a script in a process group of its own, and ends whatever it left running. */
function bash(script: string, env: NodeJS.ProcessEnv): Promise<{ readonly code: number | null; readonly out: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', script], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const out: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => out.push(String(data)));
    child.on('error', reject);
    child.on('exit', (code) => {
      if (child.pid !== undefined) endGroup(child.pid);
      resolve({ code, out: out.join('') });
    });
  });
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // All of it has ended already.
  }
}
