import assert from 'node:assert/strict';
import { concatBytes, hexToBytes } from '../../../src/core/base/bytes.ts';
import { WorldError } from '../../../src/engine/ports.ts';
import { encodeFrame, FrameReader } from '../../../src/transport/frame.ts';
import { readConversations, readRecording } from '../../interop/bitcoinj/golden.ts';
import { mutateBytes } from '../mutate.ts';
import { ACCEPTED, assertSameBytes, type Outcome, type Target } from '../target.ts';

const MOST_BYTES = 1_000;
const recorded = [readRecording(1), readRecording(2), ...readConversations()].map(({ frames }) => frames.slice(0, 8));

interface Read {
  readonly bodies: readonly Uint8Array[];
  readonly outcome: Outcome;
}

function readAll(stream: Uint8Array, size: number): Read {
  const reader = new FrameReader(MOST_BYTES);
  const bodies: Uint8Array[] = [];
  try {
    for (let at = 0; at < stream.length; at += size) {
      for (const body of reader.read(stream.subarray(at, at + size))) bodies.push(body);
    }
  } catch (error) {
    if (!(error instanceof WorldError)) throw error;
    return { bodies, outcome: { code: error.code } };
  }
  return { bodies, outcome: reader.isWithin ? { code: 'unfinished' } : ACCEPTED };
}

/** Streams of frames: in whatever pieces they come, the same is read, and written it is what came. */
export const frame: Target = {
  name: 'frame',
  files: ['transport/frame.ts'],
  corpus: recorded.map((frames) => concatBytes(...frames.map(({ body }) => encodeFrame(hexToBytes(body))))),
  mutate: mutateBytes,
  check: (input) => {
    const read = readAll(input, input.length);
    const written = concatBytes(...read.bodies.map(encodeFrame));
    assertSameBytes(written, input.subarray(0, written.length), 'what was read is what came');
    if (read.outcome === ACCEPTED) assert.equal(written.length, input.length);
    for (const size of [1, 7, 600]) {
      const pieces = readAll(input, size);
      assert.deepEqual(pieces.outcome, read.outcome);
      assertSameBytes(concatBytes(...pieces.bodies.map(encodeFrame)), written, `in pieces of ${size} bytes`);
    }
    return read.outcome;
  },
};
