import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bytesToHex } from '../core/base/bytes.ts';
import { type Random, WorldError } from '../engine/ports.ts';
import { claimStore, identityOf } from './identity.ts';
import { memoryStore } from './memory.ts';
import { openSqlite } from './sqlite.ts';

const root = mkdtempSync(join(tmpdir(), 'pawment-identity-'));
after(() => rmSync(root, { recursive: true }));

const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) };
const isMoved = (error: unknown): boolean => error instanceof WorldError && error.code === 'store-moved';
const fresh = (): string => join(mkdtempSync(join(root, 'folder-')), 'store');

/** The identity under which the store in this file starts. */
async function claimed(path: string, isRecovering = false): Promise<string> {
  const store = openSqlite(path);
  try {
    return bytesToHex(await claimStore(store, { path, random, isRecovering }));
  } finally {
    await store.close();
  }
}

test('a store has one identity, whoever asks first, and no two have the same', async () => {
  const disk = new Map();
  const ids = await Promise.all([identityOf(memoryStore(disk), random), identityOf(memoryStore(disk), random)]);
  assert.deepEqual(ids[0], ids[1]);
  assert.deepEqual(await identityOf(memoryStore(disk), random), ids[0]);
  assert.notDeepEqual(await identityOf(memoryStore(), random), ids[0]);
});

test('it stays the same while the file is, under whatever name', async () => {
  const path = fresh();
  const id = await claimed(path);
  assert.equal(await claimed(path), id);
  assert.equal(await claimed(path, true), id, 'also while recovery goes on');
  renameSync(path, `${path}-renamed`);
  assert.equal(await claimed(`${path}-renamed`), id);
});

test('a copy starts only when it is ordered, under an identity of its own; what it was copied from goes on as it was', async () => {
  const path = fresh();
  const id = await claimed(path);
  const copy = `${path}-copy`;
  cpSync(path, copy, { preserveTimestamps: true });
  await assert.rejects(claimed(copy), isMoved);
  await assert.rejects(claimed(copy), isMoved, 'each time');
  const other = await claimed(copy, true);
  assert.notEqual(other, id);
  assert.equal(await claimed(copy), other, 'from then on it is at home there');
  assert.equal(await claimed(path), id);
});

test('a file that takes the place of another, as a backup does, is another', async () => {
  const path = fresh();
  const id = await claimed(path);
  cpSync(path, `${path}-backup`);
  renameSync(`${path}-backup`, path);
  await assert.rejects(claimed(path), isMoved);
  assert.notEqual(await claimed(path, true), id);
});
