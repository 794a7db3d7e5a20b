import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WorldError } from '../engine/ports.ts';
import { isLocked, lockDatadir } from './lock.ts';

const root = mkdtempSync(join(tmpdir(), 'pawment-lock-'));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
const fresh = (): string => mkdtempSync(join(root, `${folders++}-`));
const isHeld = (error: unknown): boolean => error instanceof WorldError && error.code === 'config';

test('one program of a role holds a folder until it gives it up; the other role is free', () => {
  const folder = fresh();
  assert.equal(isLocked(folder, 'payer'), false);
  const release = lockDatadir(folder, 'payer');
  assert.equal(isLocked(folder, 'payer'), true);
  assert.throws(() => lockDatadir(folder, 'payer'), isHeld);
  lockDatadir(folder, 'merchant')();
  release();
  assert.equal(isLocked(folder, 'payer'), false);
  assert.equal(existsSync(join(folder, 'payer.lock')), false);
  lockDatadir(folder, 'payer')();
});

test('a folder that is not there is made, for its owner only', () => {
  const folder = join(fresh(), 'a', 'b');
  lockDatadir(folder, 'merchant')();
  assert.equal(statSync(folder).mode & 0o777, 0o700);
});

test('another process that lives holds it, and one that has ended does not', async () => {
  const folder = fresh();
  const other = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(other, 'spawn');
  writeFileSync(join(folder, 'payer.lock'), String(other.pid));
  assert.throws(() => lockDatadir(folder, 'payer'), isHeld);
  assert.equal(isLocked(folder, 'payer'), true);
  const exited = once(other, 'exit');
  other.stdin.end();
  await exited;
  assert.equal(isLocked(folder, 'payer'), false);
  const release = lockDatadir(folder, 'payer');
  assert.equal(readFileSync(join(folder, 'payer.lock'), 'utf8'), String(process.pid));
  release();
});

test('a lock left behind by a process that had the number of this one is stale: containers begin at 1 again', () => {
  const folder = fresh();
  writeFileSync(join(folder, 'merchant.lock'), String(process.pid));
  assert.equal(isLocked(folder, 'merchant'), false);
  const release = lockDatadir(folder, 'merchant');
  assert.throws(() => lockDatadir(folder, 'merchant'), isHeld);
  release();
});

test('a lock file that says nothing is stale', () => {
  for (const text of ['', 'x', '-1', '0']) {
    const folder = fresh();
    writeFileSync(join(folder, 'payer.lock'), text);
    lockDatadir(folder, 'payer')();
  }
});

test('giving up twice, or after another took over, takes nothing from the other', () => {
  const folder = fresh();
  const release = lockDatadir(folder, 'payer');
  writeFileSync(join(folder, 'payer.lock'), '1');
  release();
  release();
  assert.equal(readFileSync(join(folder, 'payer.lock'), 'utf8'), '1');
});

test('a program that ends without giving up leaves no lock', () => {
  const folder = fresh();
  const script = `import { lockDatadir } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)}; lockDatadir(process.argv[1], 'payer'); process.stdout.write('locked');`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script, folder], { encoding: 'utf8' });
  assert.deepEqual([stdout, status], ['locked', 0]);
  assert.equal(existsSync(join(folder, 'payer.lock')), false);
});
