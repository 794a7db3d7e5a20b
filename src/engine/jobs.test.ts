import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JobReport, type Jobs, keepJobs } from './jobs.ts';

/** Jobs on a clock that the test moves; a pause ends when the clock has come to its end. */
class Bench {
  now = 0;
  readonly ran: string[] = [];
  readonly troubles: string[] = [];
  readonly stop = new AbortController();
  readonly #sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  readonly jobs: Jobs;
  readonly done: Promise<void>;

  constructor(works: Readonly<Record<string, () => Promise<void>>>) {
    const list = Object.entries(works).map(([name, work]) => ({
      ...{ name, interval: 10, overdue: 25 },
      run: async () => {
        this.ran.push(name);
        await work();
      },
    }));
    this.jobs = keepJobs(list, {
      clock: { now: () => this.now },
      pause: (milliseconds) => new Promise((wake) => void this.#sleepers.push({ at: this.now + milliseconds, wake })),
      onTrouble: (job, error) => void this.troubles.push(`${job}: ${error.message}`),
    });
    this.done = this.jobs.work(this.stop.signal);
  }

  async pass(milliseconds: number): Promise<void> {
    for (const end = this.now + milliseconds; this.now < end; this.now++) {
      await settled();
      for (const { at, wake } of this.#sleepers.filter((sleeper) => sleeper.at <= this.now)) if (at <= this.now) wake();
    }
    await settled();
  }

  async end(): Promise<void> {
    this.stop.abort();
    for (const { wake } of this.#sleepers) wake();
    await this.done;
  }

  report(name: string): JobReport {
    return this.jobs.reports().find((report) => report.name === name) ?? assert.fail(name);
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('one job that throws stops neither another nor itself, and is told of', async () => {
  const faults = [new TypeError('a bug')];
  const bench = new Bench({
    good: async () => undefined,
    bad: async () => {
      for (const fault of faults) throw fault;
    },
    odd: async () => Promise.reject('no error at all'),
  });
  await bench.pass(40);
  assert.ok(bench.ran.filter((name) => name === 'good').length >= 4);
  assert.ok(bench.ran.filter((name) => name === 'bad').length >= 4);
  const { isAlive, failures, lastError, lastSuccess } = bench.report('bad');
  assert.deepEqual([isAlive, lastError?.message, lastSuccess], [false, 'a bug', undefined]);
  assert.ok(failures >= 4);
  assert.deepEqual([bench.report('good').isAlive, bench.report('good').failures], [true, 0]);
  assert.ok(bench.troubles.includes('bad: a bug') && bench.troubles.includes('odd: no error at all'));
  faults.pop();
  await bench.pass(20);
  assert.deepEqual([bench.report('bad').isAlive, bench.report('bad').failures], [true, 0]);
  await bench.end();
});

test('a job that never comes back counts as dead after its time, and the others go on', async () => {
  const bench = new Bench({ good: async () => undefined, stuck: () => new Promise(() => undefined) });
  await bench.pass(25);
  assert.equal(bench.report('stuck').isAlive, true);
  await bench.pass(5);
  assert.equal(bench.report('stuck').isAlive, false);
  assert.equal(bench.report('good').isAlive, true);
  assert.equal(bench.ran.filter((name) => name === 'stuck').length, 1);
});

test('no job starts after the end', async () => {
  const bench = new Bench({ good: async () => undefined });
  await bench.pass(5);
  await bench.end();
  const count = bench.ran.length;
  await bench.pass(50);
  assert.equal(bench.ran.length, count);
});
