import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flood } from './flood.ts';

const MEGABYTE = 1024 * 1024;

test('five thousand hostile requests: everyone is answered, who asks too much is turned away, the payer pays on, and nothing is kept', async () => {
  const result = await flood({ requests: 5_000, addresses: 4, dawdlers: 40, quiet: 10, pace: 10 });
  const { fates, flooded, memory, disk, stored } = result;
  const { 'payee-channel': channels, invoice: invoices = 0 } = stored;
  const count = (fate: string): number => fates[fate] ?? 0;
  for (const fate of ['200', '202', '400', '403', '404', '410', '413', '415', '429'])
    assert.ok(count(fate) > 0, `${fate}: ${JSON.stringify(fates)}`);
  assert.deepEqual(
    Object.keys(fates).filter((fate) => fate.startsWith('5')),
    [],
  );
  assert.equal(
    Object.values(fates).reduce((sum, one) => sum + one, 0),
    5_000,
  );
  assert.ok(flooded.length > 0);
  // The two channels that were paid for; of invoices what was paid, and a bounded rest.
  assert.equal(channels, 2);
  assert.ok(invoices <= result.quiet.length + flooded.length + 20 + 2 * 64);
  assert.ok(Math.max(...memory) - (memory[0] ?? 0) < 250 * MEGABYTE);
  assert.ok((disk.at(-1) ?? 0) < 20 * MEGABYTE);
});
