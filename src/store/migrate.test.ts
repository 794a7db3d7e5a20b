import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { formatOf, type Migration, migrate, migrations } from './migrate.ts';
import { openSqlite } from './sqlite.ts';
import { openForReading } from './sqlite-file.ts';

// A store as format 1 wrote it; never made again.
const format1 = new URL('../../test/golden/store/format-1.sqlite', import.meta.url);
let folder = '';
let path = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawment-migrate-'));
  path = join(folder, 'store');
  await copyFile(format1, path);
});
afterEach(() => rm(folder, { recursive: true }));

/** A format of some later day: upper-case kinds, for want of a real one. */
const toLater: Migration = (database) => database.exec('UPDATE record SET kind = upper(kind)');
const kinds = (database: DatabaseSync): unknown[] =>
  database
    .prepare('SELECT DISTINCT kind FROM record ORDER BY kind')
    .all()
    .map((row) => row['kind']);

for (const format of [1, 2]) {
  test(`a store of format ${format} reads as it was written`, async () => {
    await copyFile(new URL(`../../test/golden/store/format-${format}.sqlite`, import.meta.url), path);
    const before = openForReading(path);
    assert.equal(formatOf(before), format);
    before.close();
    await readsAsWritten();
  });
}

async function readsAsWritten(): Promise<void> {
  const store = openSqlite(path);
  const found: unknown[] = [];
  for (const kind of ['channel', 'note']) for await (const record of store.list(kind)) found.push({ kind, ...record });
  assert.deepEqual(found, [
    { kind: 'channel', id: 'aa11', version: 2, value: '{"format":1,"total":"250"}' },
    { kind: 'channel', id: 'bb22', version: 1, value: '{"format":1,"total":"0"}' },
    { kind: 'note', id: 'ð\u{1f415}', version: 1, value: '"wow ð\u{1f415}"' },
  ]);
  assert.equal(await store.commit([{ kind: 'channel', id: 'aa11', expected: 2, value: '{}' }]), true);
  await store.close();
}

test('steps run once, in order, from the format the file has', () => {
  using database = new DatabaseSync(path);
  const ran: string[] = [];
  const later: Migration[] = [
    ...migrations,
    (file) => {
      ran.push('first');
      toLater(file);
    },
    () => ran.push('second'),
  ];
  migrate(database, later);
  assert.equal(formatOf(database), migrations.length + 2);
  assert.deepEqual(ran, ['first', 'second']);
  assert.deepEqual(kinds(database), ['CHANNEL', 'NOTE']);
  migrate(database, later);
  assert.deepEqual(ran, ['first', 'second']);
});

test('a step that fails leaves the format and every record as they were', () => {
  using database = new DatabaseSync(path);
  const failing: Migration = () => {
    throw new Error('no');
  };
  assert.throws(() => migrate(database, [...migrations, toLater, failing]), /no/);
  assert.equal(formatOf(database), 1);
  assert.deepEqual(kinds(database), ['channel', 'note']);
  migrate(database, [...migrations, toLater]);
  assert.equal(formatOf(database), migrations.length + 1);
});

test('a program that still has the file open when a newer one migrates it stops writing', async () => {
  const old = openSqlite(path);
  const write = { kind: 'note', id: 'a', expected: 0, value: '1' };
  assert.equal(await old.commit([write]), true);
  using database = new DatabaseSync(path);
  migrate(database, [...migrations, toLater]);
  await assert.rejects(old.commit([{ ...write, expected: 1 }]), { name: 'WorldError', code: 'store-newer' });
  await old.close();
});
