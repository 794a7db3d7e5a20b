import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { concatBytes } from '../core/base/bytes.ts';
import { WorldError } from '../engine/ports.ts';
import { encodeFrame, FrameReader } from './frame.ts';

const MOST = 32_767;

function readAll(reader: FrameReader, chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  return chunks.flatMap((chunk) => [...reader.read(chunk)]);
}

function cut(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
}

const isNonsense = (error: unknown): boolean => error instanceof WorldError && error.code === 'peer-nonsense';

describe('frames', () => {
  test('a length of four bytes, the highest first, and the body', () => {
    assert.deepEqual(encodeFrame(Uint8Array.of(8, 7)), Uint8Array.of(0, 0, 0, 2, 8, 7));
    assert.deepEqual(encodeFrame(new Uint8Array(0)), new Uint8Array(4));
  });

  test('however a stream is cut, the same frames come out', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 12 });
    const sizes = fc.array(fc.integer({ min: 0, max: 1_500 }), { maxLength: 30 });
    fc.assert(
      fc.property(bodies, sizes, (sent, cuts) => {
        const reader = new FrameReader(MOST);
        assert.deepEqual(readAll(reader, cut(concatBytes(...sent.map(encodeFrame)), cuts)), sent);
        assert.ok(!reader.isWithin);
      }),
    );
  });

  test('one byte at a time', () => {
    const sent = [new Uint8Array(600).fill(7), new Uint8Array(0), Uint8Array.of(1)];
    const stream = concatBytes(...sent.map(encodeFrame));
    const reader = new FrameReader(MOST);
    assert.deepEqual(readAll(reader, cut(stream, Array(stream.length).fill(1))), sent);
  });

  test('the longest body is read; one byte more, or a negative length, is refused as soon as its length is there', () => {
    const longest = new Uint8Array(MOST).fill(1);
    assert.deepEqual([...new FrameReader(MOST).read(encodeFrame(longest))], [longest]);
    for (const head of [
      [0, 0, 0x80, 0],
      [0xff, 0xff, 0xff, 0xff],
      [0x80, 0, 0, 0],
    ]) {
      const reader = new FrameReader(MOST);
      assert.deepEqual([...reader.read(Uint8Array.from(head.slice(0, 3)))], []);
      assert.throws(() => [...reader.read(Uint8Array.from(head.slice(3)))], isNonsense);
    }
  });

  test('what came whole before a wrong length is still read', () => {
    const frames = new FrameReader(MOST).read(Uint8Array.of(0, 0, 0, 1, 42, 0xff, 0xff, 0xff, 0xff));
    assert.deepEqual(frames.next().value, Uint8Array.of(42));
    assert.throws(() => frames.next(), isNonsense);
  });

  test('a frame cut short is seen, in its length and in its body', () => {
    for (const bytes of [[0], [0, 0, 0, 2], [0, 0, 0, 2, 1]]) {
      const reader = new FrameReader(MOST);
      assert.deepEqual([...reader.read(Uint8Array.from(bytes))], []);
      assert.ok(reader.isWithin);
    }
  });

  test('a large length alone sets nothing aside', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 200 }, () => {
      const reader = new FrameReader(2 ** 31 - 1);
      assert.deepEqual([...reader.read(Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 1))], []);
      return reader;
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000);
    assert.ok(readers.every(({ isWithin }) => isWithin));
  });

  test('a body is not changed by what comes after it', () => {
    const reader = new FrameReader(MOST);
    const chunk = encodeFrame(Uint8Array.of(1, 2, 3));
    const [body] = [...reader.read(chunk)];
    chunk.fill(9);
    assert.deepEqual(body, Uint8Array.of(1, 2, 3));
  });
});
