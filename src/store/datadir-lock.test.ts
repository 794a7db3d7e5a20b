import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WorldError } from '../engine/ports.ts';
import { isLocked, lockDatadir } from './datadir-lock.ts';

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

test('what an earlier version or anybody else wrote of a holder keeps nobody out', () => {
  for (const text of ['', 'x', '-1', '0', '1', String(process.ppid), String(process.pid)]) {
    const folder = fresh();
    writeFileSync(join(folder, 'payer.lock'), text);
    assert.equal(isLocked(folder, 'payer'), false);
    const release = lockDatadir(folder, 'payer');
    assert.equal(readFileSync(join(folder, 'payer.lock'), 'utf8'), String(process.pid));
    assert.throws(() => lockDatadir(folder, 'payer'), isHeld);
    release();
  }
});

test('another name of the same folder is the same folder', () => {
  const folder = fresh();
  const name = `${folder}-link`;
  symlinkSync(folder, name, 'junction');
  const release = lockDatadir(folder, 'payer');
  assert.throws(() => lockDatadir(name, 'payer'), isHeld);
  assert.equal(isLocked(name, 'payer'), true);
  release();
  lockDatadir(name, 'payer')();
});

test('looking whether it is held, and being refused, let nothing go', () => {
  const folder = fresh();
  const release = lockDatadir(folder, 'payer');
  for (let i = 0; i < 3; i++) {
    assert.equal(isLocked(folder, 'payer'), true);
    assert.throws(() => lockDatadir(folder, 'payer'), isHeld);
  }
  const script = `import { isLocked } from ${JSON.stringify(new URL('./datadir-lock.ts', import.meta.url).href)}; process.stdout.write(String(isLocked(process.argv[1], 'payer')));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script, folder], { encoding: 'utf8' });
  assert.equal(stdout, 'true');
  release();
});

test('who is refused is told who holds it, where that is written, and a holder that is not named holds all the same', () => {
  const folder = fresh();
  const release = lockDatadir(folder, 'payer');
  const saying = (what: RegExp) => (error: unknown) => isHeld(error) && error instanceof Error && what.test(error.message);
  assert.throws(() => lockDatadir(folder, 'payer'), saying(new RegExp(`^Another pawment \\(process ${process.pid}\\) is`)));
  rmSync(join(folder, 'payer.lock'));
  assert.throws(() => lockDatadir(folder, 'payer'), saying(/^Another pawment is/));
  release();
});

test('a file of the lock that is no lock is said to be none, and left as it is', () => {
  const folder = fresh();
  writeFileSync(join(folder, 'payer.held'), 'x'.repeat(600));
  assert.throws(
    () => lockDatadir(folder, 'payer'),
    (error: unknown) => error instanceof WorldError && error.code === 'store-damaged',
  );
  assert.equal(statSync(join(folder, 'payer.held')).size, 600);
});

test('giving up twice, or after another took over, takes nothing from the other', () => {
  const folder = fresh();
  const release = lockDatadir(folder, 'payer');
  release();
  const other = lockDatadir(folder, 'payer');
  release();
  assert.equal(isLocked(folder, 'payer'), true);
  assert.equal(readFileSync(join(folder, 'payer.lock'), 'utf8'), String(process.pid));
  other();
});

test('a program that ends without giving up leaves no lock', () => {
  const folder = fresh();
  const script = `import { lockDatadir } from ${JSON.stringify(new URL('./datadir-lock.ts', import.meta.url).href)}; lockDatadir(process.argv[1], 'payer'); process.stdout.write('locked');`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script, folder], { encoding: 'utf8' });
  assert.deepEqual([stdout, status], ['locked', 0]);
  assert.equal(existsSync(join(folder, 'payer.lock')), false);
  assert.equal(isLocked(folder, 'payer'), false);
});
