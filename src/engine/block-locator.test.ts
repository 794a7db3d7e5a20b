import assert from 'node:assert/strict';
import { test } from 'node:test';
import { height } from '../core/base/height.ts';
import { extendLocator, locatorTip, truncateLocator } from './block-locator.ts';
import type { Tip } from './ports.ts';

const mark = (at: number): Tip => ({ height: height(at), hash: at.toString(16).padStart(64, '0') });

function grown(from: number, to: number): readonly Tip[] {
  let locator: readonly Tip[] = [mark(from)];
  for (let at = from + 1; at <= to; at++) locator = extendLocator(locator, mark(at));
  return locator;
}

test('a long trail is short, ascending, and keeps its ends', () => {
  const locator = grown(1_000, 40_000);
  assert.ok(locator.length < 120, `${locator.length} marks`);
  assert.deepEqual(locator[0], mark(1_000));
  assert.deepEqual(locatorTip(locator), mark(40_000));
  assert.ok(locator.every(({ height }, i) => i === 0 || height > (locator[i - 1]?.height ?? 0)));
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
  const cut = truncateLocator(grown(0, 500), height(490));
  assert.deepEqual(locatorTip(cut), mark(490));
  assert.deepEqual(locatorTip(extendLocator(cut, mark(491))), mark(491));
});
