import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Write } from '../engine/ports.ts';
import { commitGroup } from './group-commit.ts';

const write = (id: string): Write[] => [{ kind: 'note', id, expected: 0, value: '' }];
const namesOf = (commits: readonly (readonly Write[])[]): string => commits.map(([first]) => first?.id).join('');

test('the commits of one turn share a run, in order, and each gets its own answer', async () => {
  const runs: string[] = [];
  const group = commitGroup(async (commits) => {
    runs.push(namesOf(commits));
    return commits.map(([first]) => first?.id !== 'b');
  });
  assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((id) => group.commit(write(id)))), [true, false, true]);
  assert.equal(await group.commit(write('d')), true);
  assert.deepEqual(runs, ['abc', 'd']);
});

test('what arrives while a run is under way goes together in the next', async () => {
  const runs: string[] = [];
  let started = (): void => undefined;
  let release = (): void => undefined;
  const start = new Promise<void>((resolve) => {
    started = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const group = commitGroup(async (commits) => {
    runs.push(namesOf(commits));
    started();
    await gate;
    return commits.map(() => true);
  });
  const first = group.commit(write('a'));
  await start;
  const later = [group.commit(write('b')), group.commit(write('c'))];
  release();
  await Promise.all([first, ...later]);
  assert.deepEqual(runs, ['a', 'bc']);
});

test('a run that throws fails its whole group, and the next group goes on', async () => {
  let room = 0;
  const group = commitGroup(async (commits) => {
    if (room === 0) throw new Error('disk full');
    return commits.map(() => true);
  });
  const results = await Promise.allSettled([group.commit(write('a')), group.commit(write('b'))]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  room = 1;
  assert.equal(await group.commit(write('a')), true);
});

test('drain settles what is waiting at once, and is nothing when nothing waits', async () => {
  let runs = 0;
  const group = commitGroup(async (commits) => {
    runs++;
    return commits.map(() => true);
  });
  await group.drain();
  assert.equal(runs, 0);
  const waiting = group.commit(write('a'));
  await group.drain();
  assert.equal(runs, 1);
  assert.equal(await waiting, true);
});
