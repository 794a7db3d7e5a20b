import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Store, WorldError } from '../engine/ports.ts';
import { memoryStore } from './memory.ts';
import { probed } from './write-probe.ts';

const note = (expected: number) => ({ kind: 'note', id: 'a', expected, value: '1' });

/** A store whose disk can be filled. */
class Disk {
  isFull: boolean = false;
  readonly #inner = memoryStore();
  readonly store: Store = {
    ...this.#inner,
    commit: async (writes) => {
      if (this.isFull) throw new WorldError('store-full', 'no room left', 'Free space.');
      return this.#inner.commit(writes);
    },
  };
}

test('a commit that fails is trouble until one comes through, whoever makes it', async () => {
  const at = new Disk();
  const store = probed(at.store);
  await store.commit([note(0)]);
  assert.equal(store.trouble(), undefined);
  at.isFull = true;
  await assert.rejects(store.commit([note(1)]), { code: 'store-full' });
  assert.match(String(store.trouble()), /no room left/);
  at.isFull = false;
  await store.probe();
  assert.equal(store.trouble(), undefined);
});

test('where nobody writes the probe finds out, again and again, and so does that of the next start', async () => {
  const at = new Disk();
  const store = probed(at.store);
  for (let i = 0; i < 3; i++) await store.probe();
  at.isFull = true;
  await assert.rejects(store.probe(), { code: 'store-full' });
  assert.notEqual(store.trouble(), undefined);
  at.isFull = false;
  await probed(at.store).probe();
  await store.probe();
  await store.probe();
  assert.equal(store.trouble(), undefined);
});

test('a write that lost its race is no trouble of the disk', async () => {
  const store = probed(new Disk().store);
  assert.equal(await store.commit([note(7)]), false);
  assert.equal(store.trouble(), undefined);
});
