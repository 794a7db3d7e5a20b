import assert from 'node:assert/strict';
import fc from 'fast-check';
import { concatBytes } from '../../../src/core/base/bytes.ts';
import { type Line, WorldError } from '../../../src/engine/ports.ts';
import type { LinePair } from '../../world/line-pair.ts';
import { type ManualTimers, manualTimers } from '../../world/manual-timers.ts';
import type { Register } from './register.ts';

export interface LineSetting {
  readonly timers: ManualTimers;
  readonly mostBytes: number;
  /** Milliseconds, of both ends. */
  readonly idle: number;
  readonly linger: number;
}

/** Where lines are made. `cut` breaks both ends at once, with nothing under way between them. */
export interface LinePlace {
  readonly open: (setting: LineSetting) => Promise<LinePair>;
  /** Called once at the end, with both ends closed. */
  readonly remove: () => Promise<void>;
}

const IDLE = 60_000;
const LINGER = 7_000;
const MOST_BYTES = 5_000;

interface World extends LinePair {
  readonly timers: ManualTimers;
}

type Case = readonly [name: string, run: (world: World) => Promise<void>];

/** What every `Line` must do. `make` gives a place for each test. */
export function lineSuite(register: Register, make: () => Promise<LinePlace>): void {
  for (const [name, run] of [...saying, ...ending, ...waiting, ...breaking]) {
    register(name, async () => {
      const timers = manualTimers();
      const place = await make();
      const pair = await place.open({ timers, mostBytes: MOST_BYTES, idle: IDLE, linger: LINGER });
      try {
        await run({ ...pair, timers });
      } finally {
        await Promise.all([pair.near.close(), pair.far.close()]);
        await place.remove();
      }
      assert.equal(timers.count(), 0, 'nothing is waited for when all is over');
    });
  }
}

/** `code` says what went wrong. */
export function isWorldError(code: WorldError['code']): (error: unknown) => boolean {
  return (error) => error instanceof WorldError && error.code === code;
}

const isUnreachable = isWorldError('peer-unreachable');

function next(line: Line): Promise<IteratorResult<Uint8Array>> {
  return line.frames[Symbol.asyncIterator]().next();
}

async function all(line: Line): Promise<readonly Uint8Array[]> {
  const bodies: Uint8Array[] = [];
  for await (const body of line.frames) bodies.push(body);
  return bodies;
}

async function first(line: Line, count: number): Promise<readonly Uint8Array[]> {
  const bodies: Uint8Array[] = [];
  for await (const body of line.frames) if (bodies.push(body) === count) break;
  return bodies;
}

async function sendAll(line: Line, bodies: readonly Uint8Array[]): Promise<void> {
  await Promise.all(bodies.map((body) => line.send(body)));
}

const ONE = Uint8Array.of(1);
const TWO = Uint8Array.of(2, 2);
const THREE = Uint8Array.of(3, 3, 3);

const saying: readonly Case[] = [
  [
    'messages of any length, up to the longest, come whole and in order',
    async ({ near, far }) => {
      const bodies = [new Uint8Array(0), ONE, new Uint8Array(MOST_BYTES).fill(7), new Uint8Array(0), TWO];
      await sendAll(near, bodies);
      assert.deepEqual(await first(far, bodies.length), bodies);
    },
  ],
  [
    'both ends talk at once, and each hears all of the other',
    async ({ near, far }) => {
      const lists = fc.array(fc.uint8Array({ maxLength: MOST_BYTES }), { maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(lists, lists, async (there, back) => {
          const heard = Promise.all([first(far, there.length + 1), first(near, back.length + 1)]);
          await Promise.all([sendAll(near, [...there, THREE]), sendAll(far, [...back, THREE])]);
          assert.deepEqual(await heard, [
            [...there, THREE],
            [...back, THREE],
          ]);
        }),
        { numRuns: 30 },
      );
    },
  ],
  [
    'a message is what it was when it was sent',
    async ({ near, far }) => {
      const body = Uint8Array.of(5);
      const sent = near.send(body);
      body[0] = 6;
      await sent;
      assert.deepEqual(await first(far, 1), [Uint8Array.of(5)]);
    },
  ],
  [
    'a loop may be left, and the next goes on where it stopped',
    async ({ near, far }) => {
      await sendAll(near, [ONE, TWO, THREE]);
      assert.deepEqual(await first(far, 1), [ONE]);
      assert.deepEqual(await first(far, 2), [TWO, THREE]);
    },
  ],
  [
    'a message that is too long is not sent, and harms nothing',
    async ({ near, far }) => {
      await assert.rejects(near.send(new Uint8Array(MOST_BYTES + 1)), RangeError);
      await near.send(ONE);
      assert.deepEqual(await first(far, 1), [ONE]);
    },
  ],
];

const ending: readonly Case[] = [
  [
    'all that was sent before the end comes before the end',
    async ({ near, far }) => {
      const bodies = Array.from({ length: 300 }, (_, i) => new Uint8Array(1_000).fill(i));
      const sent = sendAll(near, bodies);
      const closed = near.close();
      await sent;
      const heard = await all(far);
      assert.equal(heard.length, bodies.length);
      assert.deepEqual(concatBytes(...heard), concatBytes(...bodies));
      await far.close();
      await closed;
    },
  ],
  [
    'the end comes to who waits for it, and stays',
    async ({ near, far }) => {
      const heard = all(far);
      void near.close();
      assert.deepEqual(await heard, []);
      assert.deepEqual(await all(far), []);
    },
  ],
  [
    'an end that is closed hears nothing more, also what had come, and says nothing more',
    async ({ near, far }) => {
      await far.send(ONE);
      const closed = near.close();
      assert.deepEqual(await all(near), []);
      await assert.rejects(near.send(ONE), isUnreachable);
      await far.send(TWO);
      await far.close();
      await closed;
    },
  ],
  [
    'closing again does not keep what the other end says last from passing, nor its end',
    async ({ near, far }) => {
      const heard = all(near);
      const closed = near.close();
      assert.deepEqual(await heard, []);
      void near.close();
      assert.deepEqual(await all(far), []);
      await far.send(ONE);
      await far.close();
      await closed;
    },
  ],
  [
    'closing ends a wait of its own',
    async ({ near }) => {
      const waits = next(near);
      void near.close();
      assert.deepEqual(await waits, { done: true, value: undefined });
    },
  ],
  [
    'both may close at once, and again',
    async ({ near, far }) => {
      await Promise.all([near.close(), far.close(), near.close()]);
      await Promise.all([near.close(), far.close()]);
      await assert.rejects(far.send(ONE), isUnreachable);
    },
  ],
  [
    'an end that closes does not wait for ever for the other',
    async ({ near, timers }) => {
      const closed = near.close();
      await timers.isSet(LINGER);
      timers.advance(LINGER);
      await closed;
    },
  ],
];

const waiting: readonly Case[] = [
  [
    'who says nothing in time is left',
    async ({ near, far, timers }) => {
      const waits = next(near);
      timers.advance(IDLE - 1);
      timers.advance(1);
      await assert.rejects(waits, isUnreachable);
      await assert.rejects(next(near), isUnreachable);
      await assert.rejects(near.send(ONE), isUnreachable);
      assert.deepEqual(await all(far), []);
    },
  ],
  [
    'each message gives time for the next, and time while nobody waits does not count',
    async ({ near, far, timers }) => {
      for (const body of [ONE, TWO]) {
        const waits = first(near, 1);
        timers.advance(IDLE - 1);
        await far.send(body);
        assert.deepEqual(await waits, [body]);
        timers.advance(10 * IDLE);
      }
      const waits = next(near);
      timers.advance(IDLE);
      await assert.rejects(waits, isUnreachable);
    },
  ],
  [
    'the time may be set, also while it runs, and be without end',
    async ({ near, far, timers }) => {
      const waits = first(near, 1);
      near.setIdle(undefined);
      timers.advance(1_000 * IDLE);
      await far.send(ONE);
      assert.deepEqual(await waits, [ONE]);
      const more = next(near);
      near.setIdle(50);
      timers.advance(50);
      await assert.rejects(more, isUnreachable);
    },
  ],
];

const breaking: readonly Case[] = [
  [
    'after a break comes what had come whole, then the failure, as often as asked',
    async ({ near, far, cut }) => {
      await sendAll(near, [ONE, TWO, THREE]);
      assert.deepEqual(await first(far, 1), [ONE]);
      cut();
      assert.deepEqual(await first(far, 2), [TWO, THREE]);
      await assert.rejects(all(far), isUnreachable);
      await assert.rejects(all(far), isUnreachable);
      await assert.rejects(all(near), isUnreachable);
    },
  ],
  [
    'a break comes to who waits',
    async ({ near, far, cut }) => {
      const waits = [next(near), next(far)];
      cut();
      for (const wait of waits) await assert.rejects(wait, isUnreachable);
    },
  ],
  [
    'nothing can be sent over a broken line, and it can be closed',
    async ({ near, far, cut }) => {
      cut();
      await assert.rejects(all(near), isUnreachable);
      await assert.rejects(all(far), isUnreachable);
      for (const line of [near, far]) await assert.rejects(line.send(ONE), isUnreachable);
      await Promise.all([near.close(), far.close()]);
    },
  ],
];
