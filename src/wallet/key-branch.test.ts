import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dogecoin } from '../core/coin/dogecoin.ts';
import { branchKeyName, FRESH_BRANCH, handOutOnce, handOutWithin, lookahead, markUsed } from './key-branch.ts';
import type { Branch } from './state.ts';

test('names of the three branches', () => {
  assert.equal(branchKeyName(dogecoin, 'receive', 7), "m/44'/3'/0'/0/7");
  assert.equal(branchKeyName(dogecoin, 'change', 7), "m/44'/3'/0'/1/7");
  assert.equal(branchKeyName(dogecoin, 'channel', 7), "m/44'/3'/1'/0/7");
});

test('receive keys come round before they pass the gap limit, and go on once one is used', () => {
  let branch: Branch = FRESH_BRANCH;
  const handed: number[] = [];
  for (let i = 0; i < 12; i++) {
    const next = handOutWithin(branch, 5);
    handed.push(next.index);
    assert.ok(next.index < lookahead(branch, 5), 'a restored wallet looks that far');
    ({ branch } = next);
  }
  assert.deepEqual(handed, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
  assert.equal(handOutWithin(markUsed(branch, 3), 5).index, 4);
});

test('channel keys never come round', () => {
  let branch: Branch = FRESH_BRANCH;
  for (let i = 0; i < 300; i++) {
    const next = handOutOnce(branch);
    assert.equal(next.index, i);
    ({ branch } = next);
  }
});

test('a used key moves the branch on, an older one does not move it back', () => {
  const branch = markUsed({ used: 0, next: 2 }, 6);
  assert.deepEqual(branch, { used: 7, next: 7 });
  assert.equal(markUsed(branch, 3), branch);
  assert.deepEqual(markUsed({ used: 0, next: 9 }, 6), { used: 7, next: 9 });
});
