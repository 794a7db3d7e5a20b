import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);
const manifest = z.object({ scripts: z.record(z.string(), z.string()) });

/** Commands that are the whole of what CI does, or of what a newcomer does first: CI itself runs them. */
const TOP_LEVEL = ['npm ci && npm run demo', 'npm run test:everything'];

const readme = await readFile('README.md', 'utf8');
const blocks = (language: string): readonly string[] =>
  [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, tag]) => tag === language).map(([, , text = '']) => text);

test('the top-level commands of the README name scripts that exist', async () => {
  const { scripts } = manifest.parse(JSON.parse(await readFile('package.json', 'utf8')));
  for (const command of TOP_LEVEL) {
    assert.ok(
      blocks('sh').some((text) => text.trim() === command),
      `${command} stands in the README`,
    );
    for (const [, name = ''] of command.matchAll(/npm run ([\w:]+)/g)) assert.ok(name in scripts, name);
  }
});

test('every other command of the README runs as written, one after the other', async () => {
  const lines = blocks('sh')
    .filter((text) => !TOP_LEVEL.includes(text.trim()))
    .flatMap((text) => text.trim().split('\n'));
  assert.ok(lines.length > 10);
  const home = await mkdtemp(join(tmpdir(), 'pawment-readme-'));
  // A program in the background has come up when it says its first line; a person would wait for that too.
  const script = lines.map((line, i) =>
    line.endsWith(' &')
      ? `${line.slice(0, -2)} > ${home}/${i} 2> ${home}/${i}.err &\nuntil [ -s ${home}/${i} ]; do kill -0 $! || exit 1; sleep 0.1; done`
      : line,
  );
  try {
    const { code, out } = await bash(`set -e\n${script.join('\n')}\n`, { ...process.env, HOME: home, PAWMENT_DATADIR: join(home, 'data') });
    assert.equal(code, 0, out);
    assert.match(out, /100 payments, 10 DOGE in all/);
    assert.match(out, /closed, 89\.9\d+ DOGE back/);
  } finally {
    await rm(home, { recursive: true });
  }
});

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

test('the code of the README runs as written', async () => {
  const samples = blocks('ts');
  assert.ok(samples.length > 0);
  for (const [i, text] of samples.entries()) {
    // Inside the checkout, so that the package finds itself by name.
    const file = join('examples', `.readme-${i}.ts`);
    await writeFile(file, text);
    try {
      const { stdout } = await run(process.execPath, [file]);
      assert.match(stdout, /DOGE 1\.5/);
    } finally {
      await rm(file);
    }
  }
});

test('the example of one channel runs', async () => {
  const { stdout } = await run(process.execPath, ['examples/one-channel/main.ts']);
  assert.match(stdout, /cup 3: 0\.3 DOGE paid so far\nclosed: 19\.\d+ DOGE are back/);
});
