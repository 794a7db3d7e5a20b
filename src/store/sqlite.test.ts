import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { type Store, type WorldCode, WorldError } from '../engine/ports.ts';
import { openSqlite } from './sqlite.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawment-sqlite-'));
  path = join(folder, 'store');
});
afterEach(() => rm(folder, { recursive: true }));

const fails =
  (code: WorldCode, message?: RegExp) =>
  (error: unknown): boolean => {
    assert(error instanceof WorldError, String(error));
    assert.equal(error.code, code);
    assert.notEqual(error.hint, '');
    if (message) assert.match(error.message, message);
    return true;
  };

/** A store with enough records for several pages. */
async function filled(): Promise<void> {
  const store = openSqlite(path);
  for (let i = 0; i < 200; i++) await store.commit([{ kind: 'note', id: `r${i}`, expected: 0, value: 'x'.repeat(200) }]);
  await store.close();
}

async function recordCount(store: Store): Promise<number> {
  let count = 0;
  for await (const _ of store.list('note')) count++;
  await store.close();
  return count;
}

/** Opening is refused and leaves the bytes as they are. */
async function refused(code: WorldCode, message?: RegExp): Promise<void> {
  const before = await readFile(path);
  assert.throws(() => openSqlite(path), fails(code, message));
  assert.deepEqual(await readFile(path), before);
}

test('a missing file is made, for this user only, whole and without leftovers', async () => {
  const store = openSqlite(path);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal(await store.commit([{ kind: 'note', id: 'a', expected: 0, value: '1' }]), true);
  for (const name of await readdir(folder)) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
  await store.close();
  assert.deepEqual(await readdir(folder), ['store']);
  using database = new DatabaseSync(path);
  assert.equal(database.prepare('PRAGMA application_id').get()?.['application_id'], 0x7061776d);
  assert.equal(database.prepare('PRAGMA journal_mode').get()?.['journal_mode'], 'wal');
});

test('an emptied file is refused, not begun anew', async () => {
  await filled();
  await truncate(path, 0);
  await refused('store-damaged', /is empty/);
});

test('a log without its store is refused, not begun anew', async () => {
  await writeFile(`${path}-wal`, 'frames');
  assert.throws(() => openSqlite(path), fails('store-damaged', /is missing/));
  assert(!existsSync(path));
});

test('a file cut short anywhere is refused; the whole file opens', async () => {
  await filled();
  const whole = await readFile(path);
  for (let length = 1; length < whole.length; length += 1021) {
    await writeFile(path, whole.subarray(0, length));
    await refused('store-damaged');
  }
  await writeFile(path, whole.subarray(0, whole.length - 1));
  await refused('store-damaged');
  await writeFile(path, whole);
  assert.equal(await recordCount(openSqlite(path)), 200);
});

test('a file with an overwritten page is refused', async () => {
  await filled();
  const bytes = await readFile(path);
  bytes.fill(0xff, 4096, 8192);
  await writeFile(path, bytes);
  await refused('store-damaged');
});

test('a file that is no database is refused', async () => {
  await writeFile(path, 'these are my shopping notes, no\n'.repeat(512));
  await refused('store-damaged');
});

test("another program's database is refused", async () => {
  for (const application of [0, 0x12345678]) {
    await rm(path, { force: true });
    const database = new DatabaseSync(path);
    database.exec(`CREATE TABLE record (kind TEXT); PRAGMA user_version = 1; PRAGMA application_id = ${application}`);
    database.close();
    await refused('store-damaged', /another program/);
  }
});

test('a store whose table or format number is gone is refused', async () => {
  for (const [harm, message] of [
    ['DROP TABLE record', /lacks its table/],
    ['PRAGMA user_version = 0', /no format number/],
  ] as const) {
    await rm(path, { force: true });
    await filled();
    const database = new DatabaseSync(path);
    database.exec(harm);
    database.close();
    await refused('store-damaged', message);
  }
});

test('a store of a newer format is refused', async () => {
  await filled();
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await refused('store-newer', /format 99/);
});

test('a folder that is missing, or a path that is one, is a matter of configuration', () => {
  assert.throws(() => openSqlite(join(folder, 'nowhere', 'store')), fails('config'));
  assert.throws(() => openSqlite(folder), fails('config', /not a file/));
});

test('a full store says so, changes nothing, and still reads and deletes', async () => {
  const store = openSqlite(path, { maxBytes: 64 * 1024 });
  assert.equal(await store.commit([{ kind: 'note', id: 'small', expected: 0, value: '1' }]), true);
  const tooBig = [
    { kind: 'note', id: 'small', expected: 1, value: '2' },
    { kind: 'note', id: 'big', expected: 0, value: 'x'.repeat(100_000) },
  ];
  await assert.rejects(store.commit(tooBig), fails('store-full'));
  assert.equal((await store.get('note', 'small'))?.value, '1');
  assert.equal(await store.commit([{ kind: 'note', id: 'small', expected: 1, value: undefined }]), true);
  assert.equal(await recordCount(store), 0);
});

test('another program that holds the file for too long is named as the reason', async () => {
  const store = openSqlite(path, { busyTimeout: 10 });
  using other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const write = { kind: 'note', id: 'a', expected: 0, value: '1' };
  await assert.rejects(store.commit([write]), fails('store-busy'));
  other.exec('COMMIT');
  assert.equal(await store.commit([write]), true);
  await store.close();
});
