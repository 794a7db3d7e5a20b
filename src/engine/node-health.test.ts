import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { height } from '../core/base/height.ts';
import { bitcoin } from '../core/coin/bitcoin.ts';
import { dogecoin, dogecoinRegtest } from '../core/coin/dogecoin.ts';
import { type NodeReading, whyUntrusted } from './node-health.ts';
import type { NodeStatus } from './ports.ts';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;

function reading(alter: Partial<NodeStatus> = {}, rest: Partial<NodeReading> = {}): NodeReading {
  const status = { tip: { height: height(5_000), hash: 'a' }, headers: 5_000, medianTime: NOW - 6 * MINUTE, isCatchingUp: false, ...alter };
  return { status, peak: 5_000, readAt: NOW, ...rest };
}

function tipAt(at: number): NodeStatus['tip'] {
  return { height: height(at), hash: 'a' };
}

describe('when a node is relied on', () => {
  const cases: readonly (readonly [string, good: NodeReading, bad: NodeReading, code: string])[] = [
    [
      'read ten minutes ago, and a millisecond more',
      reading({}, { readAt: NOW - 10 * MINUTE }),
      reading({}, { readAt: NOW - 10 * MINUTE - 1 }),
      'node-down',
    ],
    [
      'read ten minutes ahead of a clock that was set back, and a millisecond more',
      reading({}, { readAt: NOW + 10 * MINUTE }),
      reading({}, { readAt: NOW + 10 * MINUTE + 1 }),
      'node-down',
    ],
    ['ten headers ahead, and eleven', reading({ headers: 5_010 }), reading({ headers: 5_011 }), 'node-behind'],
    ['sixty blocks below what was read once, and one more', reading({}, { peak: 5_060 }), reading({}, { peak: 5_061 }), 'node-behind'],
    [
      'last blocks an hour old, and older',
      reading({ medianTime: NOW - 60 * MINUTE }),
      reading({ medianTime: NOW - 60 * MINUTE - 1 }),
      'node-behind',
    ],
    [
      'blocks two hours ahead of the clock, and more',
      reading({ medianTime: NOW + 120 * MINUTE }),
      reading({ medianTime: NOW + 120 * MINUTE + 1 }),
      'node-behind',
    ],
    ['settled, and catching up', reading(), reading({ isCatchingUp: true }), 'node-behind'],
  ];
  for (const [name, good, bad, code] of cases) {
    test(name, () => {
      assert.equal(whyUntrusted(good, dogecoin, NOW), undefined);
      assert.equal(whyUntrusted(bad, dogecoin, NOW)?.code, code);
    });
  }

  test('a chain with slow blocks is given longer, one on which nobody mines for ever', () => {
    const old = reading({ medianTime: NOW - 9 * 60 * MINUTE });
    assert.equal(whyUntrusted(old, bitcoin, NOW), undefined);
    assert.equal(whyUntrusted(old, dogecoin, NOW)?.code, 'node-behind');
    assert.equal(whyUntrusted(old, dogecoinRegtest, NOW), undefined);
  });

  test('a higher tip than ever is no doubt', () => {
    assert.equal(whyUntrusted(reading({ tip: tipAt(5_100), headers: 5_100 }), dogecoin, NOW), undefined);
  });
});
