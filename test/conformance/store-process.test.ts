import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openSqlite } from '../../src/store/sqlite.ts';

const worker = fileURLToPath(new URL('./store-worker.ts', import.meta.url));
let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawment-process-'));
  path = join(folder, 'store');
});
afterEach(() => rm(folder, { recursive: true }));

function start(...task: string[]): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, [worker, path, ...task], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Lets a writer run until it has acknowledged `count` commits, kills it while it goes on writing, and says what it acknowledged in all. */
async function writeUntilKilled(count: number): Promise<Map<number, number>> {
  const child = start('pairs');
  const acknowledged = new Map<number, number>();
  let lines = 0;
  for await (const line of createInterface(child.stdout)) {
    const [pair = -1, version = -1] = line.split(' ').map(Number);
    acknowledged.set(pair, version);
    if (++lines === count) child.kill('SIGKILL');
  }
  if (child.signalCode === null) await once(child, 'exit');
  assert.equal(child.signalCode, 'SIGKILL');
  assert(lines >= count);
  return acknowledged;
}

test('after each of ten SIGKILLs in the middle of writing, every acknowledged commit is there and every commit is whole', async () => {
  for (const count of [1, 5, 23, 64, 100, 111, 250, 333, 500, 777]) {
    const acknowledged = await writeUntilKilled(count);
    assert.notEqual(acknowledged.size, 0);
    const store = openSqlite(path);
    for (const [pair, version] of acknowledged) {
      const left = await store.get('note', `left${pair}`);
      assert(left !== undefined && left.version >= version, `pair ${pair} is at ${left?.version}, acknowledged ${version}`);
      assert.equal(left.value, `${pair}:${left.version}`);
      assert.deepEqual(await store.get('note', `right${pair}`), left);
    }
    await store.close();
  }
});

test('three processes that make and share one file lose none of their writes', async () => {
  const exits = [1, 2, 3].map(() => once(start('count', '100'), 'exit'));
  assert.deepEqual(await Promise.all(exits), [
    [0, null],
    [0, null],
    [0, null],
  ]);
  const store = openSqlite(path);
  assert.deepEqual({ ...(await store.get('note', 'counter')) }, { version: 300, value: '300' });
  await store.close();
});
