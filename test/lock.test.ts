import assert from 'node:assert/strict';
import { type ChildProcess, fork, type Serializable, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isLocked } from '../src/store/datadir-lock.ts';

const root = mkdtempSync(join(tmpdir(), 'pawment-lock-'));
const starters: ChildProcess[] = [];
after(() => {
  for (const one of starters) one.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

const STARTER = new URL('lock-starter.ts', import.meta.url).pathname;
const fresh = (): string => mkdtempSync(join(root, 'folder-'));

function starter(execPath = process.execPath, execArgv: readonly string[] = []): ChildProcess {
  const made = fork(STARTER, { execPath, execArgv: [...execArgv] });
  // Nobody waits for one that has ended.
  made.once('exit', () => made.emit('message', 'ended'));
  starters.push(made);
  return made;
}

async function ask(one: ChildProcess, order: Serializable): Promise<unknown> {
  const answer = once(one, 'message');
  one.send(order);
  return (await answer)[0];
}

async function kill(one: ChildProcess): Promise<void> {
  const gone = once(one, 'exit');
  one.kill('SIGKILL');
  await gone;
}

const isHeld = (answer: unknown): boolean => answer === 'held';

test('of many that start at once over what a crash left behind one holds the folder, each time', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const many = Array.from({ length: 5 }, () => starter());
  const first = fresh();
  await Promise.all(many.map((one) => ask(one, { take: first })));
  await Promise.all(many.map((one) => ask(one, { give: true })));
  for (let round = 0; round < 60; round++) {
    const folder = fresh();
    writeFileSync(join(folder, 'merchant.lock'), String(dead));
    const answers = await Promise.all(many.map((one) => ask(one, { take: folder })));
    assert.equal(answers.filter(isHeld).length, 1, `round ${round}: ${answers.join(' | ')}`);
    await Promise.all(many.map((one, i) => (isHeld(answers[i]) ? ask(one, { give: true }) : undefined)));
  }
});

test('one that is killed lets go at once, and nobody else can be kept out by the number it had', async () => {
  const folder = fresh();
  for (let round = 0; round < 5; round++) {
    const one = starter();
    assert.equal(await ask(one, { take: folder }), 'held');
    assert.equal(isLocked(folder, 'merchant'), true);
    await kill(one);
    assert.equal(isLocked(folder, 'merchant'), false);
    // A process that lives, and never held anything, has the number that was left behind.
    writeFileSync(join(folder, 'merchant.lock'), String(process.ppid));
  }
});

/** Starts another program as the first process of a namespace of its own, where numbers begin at 1 again, as in a container. */
const NAMESPACE = ['--user', '--map-root-user', '--pid', '--fork', '--mount-proc'];

function whyNoNamespaces(): string | undefined {
  const { error, status, stderr } = spawnSync('unshare', [...NAMESPACE, process.execPath, '-e', ''], { encoding: 'utf8' });
  // CI has the program; that a sandbox does not let it do its work is another matter.
  if (error !== undefined) return process.env['CI'] === 'true' ? undefined : `unshare is missing: ${error.message}`;
  return status === 0 ? undefined : `the system gives no PID namespaces here: ${stderr.trim()}`;
}

/** It is killed from outside: the first process of a namespace can't do it by itself. */
async function killInside(one: ChildProcess): Promise<void> {
  const gone = once(one, 'exit');
  process.kill(Number(readFileSync(`/proc/${one.pid}/task/${one.pid}/children`, 'utf8')), 'SIGKILL');
  await gone;
}

describe('in PID namespaces', { skip: whyNoNamespaces() ?? false }, () => {
  const contained = (): ChildProcess => starter('unshare', [...NAMESPACE, process.execPath]);

  test('two that do not see each other do not both hold one folder', async () => {
    const folder = fresh();
    const [one, two] = [contained(), contained()];
    assert.equal(await ask(one, { take: folder }), 'held');
    assert.match(String(await ask(two, { take: folder })), /process 1\b/);
    await ask(one, { give: true });
    assert.equal(await ask(two, { take: folder }), 'held');
    await killInside(two);
    await killInside(one);
  });

  test('a lock left behind by another namespace keeps nobody out', async () => {
    const folder = fresh();
    const one = contained();
    assert.equal(await ask(one, { take: folder }), 'held');
    await killInside(one);
    assert.equal(await ask(starter(), { take: folder }), 'held');
  });
});
