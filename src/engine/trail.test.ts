import assert from 'node:assert/strict';
import { test } from 'node:test';
import { height } from '../core/base/height.ts';
import type { Tip } from './ports.ts';
import { cutTrail, extendTrail, headOf } from './trail.ts';

const mark = (at: number): Tip => ({ height: height(at), hash: at.toString(16).padStart(64, '0') });

function grown(from: number, to: number): readonly Tip[] {
  let trail: readonly Tip[] = [mark(from)];
  for (let at = from + 1; at <= to; at++) trail = extendTrail(trail, mark(at));
  return trail;
}

test('a long trail is short, ascending, and keeps its ends', () => {
  const trail = grown(1_000, 40_000);
  assert.ok(trail.length < 120, `${trail.length} marks`);
  assert.deepEqual(trail[0], mark(1_000));
  assert.deepEqual(headOf(trail), mark(40_000));
  assert.ok(trail.every(({ height }, i) => i === 0 || height > (trail[i - 1]?.height ?? 0)));
});

test('a fork of any depth is found to within an eighth of the way back', () => {
  const tip = 20_011;
  const heights = grown(3, tip).map(({ height }) => height);
  for (let depth = 0; depth < tip - 3; depth++) {
    const below = heights.filter((at) => at <= tip - depth);
    const missed = tip - depth - (below.at(-1) ?? 0);
    assert.ok(missed <= (depth + missed) / 8, `a fork ${depth} deep is missed by ${missed} blocks`);
  }
});

test('a cut trail grows on from where it was cut', () => {
  const cut = cutTrail(grown(0, 500), height(490));
  assert.deepEqual(headOf(cut), mark(490));
  assert.deepEqual(headOf(extendTrail(cut, mark(491))), mark(491));
});
