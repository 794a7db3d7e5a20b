import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type WorldCode, WorldError } from '../engine/ports.ts';
import { diskError } from './disk-error.ts';
import { makeFolder, makeWritableFolder, tryFolder } from './make-folder.ts';

const home = mkdtempSync(join(tmpdir(), 'pawment-folder-'));
after(() => rmSync(home, { recursive: true }));

const fails = (code: WorldCode, message: RegExp) => (error: unknown) =>
  error instanceof WorldError && error.code === code && message.test(error.message) && error.hint !== '';

test('a folder is made with those above it, for its owner alone, whatever the umask; one that is there stays as it is', () => {
  const before = process.umask(0o377);
  try {
    makeWritableFolder(join(home, 'a', 'b', 'c'));
  } finally {
    process.umask(before);
  }
  for (const name of ['a', 'a/b', 'a/b/c']) assert.equal(statSync(join(home, name)).mode & 0o777, 0o700, name);
  mkdirSync(join(home, 'open'), { mode: 0o755 });
  makeFolder(join(home, 'open'));
  assert.equal(statSync(join(home, 'open')).mode & 0o777, 0o755);
  assert.deepEqual(readdirSync(join(home, 'a', 'b', 'c')), []);
});

test('what can be no folder is said to be none, and ends', () => {
  writeFileSync(join(home, 'file'), '');
  symlinkSync(join(home, 'gone', 'away'), join(home, 'nowhere'));
  symlinkSync(join(home, 'loop'), join(home, 'loop'));
  for (const [name, message] of [
    [join(home, 'file'), /file is not a folder/],
    [join(home, 'file', 'below'), /file/],
    [join(home, 'nowhere'), /nowhere/],
    [join(home, 'loop', 'below'), /loop/],
    [join(home, 'n'.repeat(300)), /nnn/],
    ['/dev/null/below', /\/dev\/null/],
  ] as const)
    assert.throws(() => makeFolder(name), fails('config', message), name);
  assert.equal(existsSync(join(home, 'gone')), false);
});

test('below a folder that says of nothing that it is there, which Node’s own way tries for ever', {
  skip: !existsSync('/proc/self'),
}, () => {
  for (const name of ['/proc/pawment', '/proc/pawment/a/b', '/proc/self/pawment'])
    assert.throws(() => makeFolder(name), fails('config', /\/proc\//), name);
  assert.throws(() => tryFolder('/proc'), fails('config', /\/proc/));
});

test('what the system says of a disk is told from what somebody named; what is no such error is none', () => {
  const error = (code: string): Error => Object.assign(new Error(`${code}: no`), { code, syscall: 'open', path: '/x' });
  for (const [codes, expected] of [
    [['ENOSPC', 'EDQUOT', 'EFBIG'], 'store-full'],
    [['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EISDIR', 'EEXIST'], 'config'],
    [['EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ESTALE', 'EOTHER'], 'disk-failed'],
  ] as const)
    for (const code of codes) assert.ok(fails(expected, /\/x/)(diskError(error(code))), code);
  const bug = new TypeError('x is not a function');
  assert.equal(diskError(bug), bug);
});

test('a link that somebody leaves in a shared folder leads the trial to no file of value', () => {
  const shared = join(home, 'shared');
  makeWritableFolder(shared);
  const value = join(home, 'value');
  writeFileSync(value, 'coins');
  symlinkSync(value, join(shared, `.trial-${process.pid}`));
  tryFolder(shared);
  assert.equal(readFileSync(value, 'utf8'), 'coins');
  assert.deepEqual(readdirSync(shared), [`.trial-${process.pid}`], 'its own file is taken away');
});
