import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyWithoutJava } from './build.ts';
import { compare, QUICK } from './compare.ts';

test('pawment and bitcoinj are measured side by side, and take every payment', { skip: whyWithoutJava() ?? false }, async () => {
  const { rows } = await compare(QUICK);
  assert.equal(rows.length, 11);
  for (const { title, bitcoinj, pawment, ratio } of rows) {
    for (const number of [bitcoinj, pawment, ratio]) assert.ok(Number.isFinite(number) && number > 0, title);
  }
});
