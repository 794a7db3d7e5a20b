import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { manualTimers } from '../../../test/world/manual-timers.ts';
import { concatBytes } from '../../core/base/bytes.ts';
import { encodeFrame, FrameReader } from '../frame.ts';
import { Timeout } from '../timeout.ts';
import { Incoming } from './incoming.ts';

const broken = (cause?: unknown): Error => new Error('broken', { cause });

function incoming(source: Readable): Incoming {
  return new Incoming(source, new FrameReader(1_000), new Timeout(manualTimers(), undefined, () => undefined), broken);
}

async function take(frames: Incoming, count: number): Promise<readonly Uint8Array[]> {
  const bodies: Uint8Array[] = [];
  for await (const body of frames) if (bodies.push(body) === count) break;
  return bodies;
}

describe('the frames of a stream', () => {
  test('no more is taken than is asked for, and all of it when all is asked for', async () => {
    const frame = encodeFrame(new Uint8Array(1_000).fill(1));
    const count = 5_000;
    let given = 0;
    const source = new Readable({
      highWaterMark: 16 * 1024,
      read() {
        given++;
        this.push(given <= count ? frame : null);
      },
    });
    const frames = incoming(source);
    assert.equal((await take(frames, 3)).length, 3);
    assert.ok(given < 40, `${given} frames taken for 3`);
    assert.equal((await take(frames, count)).length, count - 3);
    assert.ok(given > count);
  });

  test('what came whole before a break is given, in whatever pieces it came', async () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 });
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(bodies, sizes, fc.integer({ min: 0, max: 303 }), fc.boolean(), async (sent, cuts, half, isReset) => {
        const stream = concatBytes(...sent.map(encodeFrame), encodeFrame(new Uint8Array(300)).subarray(0, half));
        const source = new Readable({ read: () => undefined });
        const frames = incoming(source);
        let at = 0;
        for (const size of [...cuts, stream.length]) {
          if (at < stream.length) source.push(stream.subarray(at, at + size));
          at += size;
        }
        if (isReset) source.destroy(new Error('reset'));
        else source.push(null);
        assert.deepEqual(await take(frames, sent.length === 0 ? 1 : sent.length).catch(() => []), sent);
        const rest = take(frames, 1);
        if (half === 0 && !isReset) assert.deepEqual(await rest, []);
        else await assert.rejects(rest, /^Error: broken$/);
      }),
    );
  });

  test('a break says why', async () => {
    for (const [end, reason] of [
      [(source: Readable) => source.destroy(new Error('reset')), 'reset'],
      [(source: Readable) => source.push(null), 'it ended within a message'],
    ] as const) {
      const source = new Readable({ read: () => undefined });
      const rest = take(incoming(source), 1);
      source.push(Uint8Array.of(0));
      end(source);
      await assert.rejects(rest, (error) => error instanceof Error && error.cause instanceof Error && error.cause.message === reason);
    }
  });
});
