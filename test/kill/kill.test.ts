import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runKills } from './run.ts';
import { roles } from './setting.ts';

test('payer and merchant are killed again and again: nothing that was said is lost, and every coin is somewhere', async () => {
  const { kills, ends } = await runKills({ kills: 8, seed: 1 });
  assert(kills.payer >= 8 && kills.merchant >= 8);
  assert(!ends.has('lost') && !ends.has('open'));
});

for (const hasty of roles) {
  test(`a ${hasty} that says that it has stored before it has is found out`, async () => {
    await assert.rejects(runKills({ kills: 100, seed: 2, hasty, victims: [hasty] }), { name: 'AssertionError' });
  });
}
