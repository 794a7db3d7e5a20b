import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const demo = async (...flags: readonly string[]): Promise<string> =>
  (await run(process.execPath, ['bin/pawment.js', 'demo', ...flags])).stdout;

test('the demo as JSON: every koinu is accounted for, and the chain was touched twice', async () => {
  const result = JSON.parse(await demo('--payments', '50', '--json'));
  assert.equal(result.payments, 50);
  assert.equal(result.onChainTransactions, 2);
  const [first, second] = result.channels;
  assert.deepEqual(
    [first, second].map(({ transactions }) => transactions.map(({ role }: { role: string }) => role)),
    [
      ['funding', 'close'],
      ['funding', 'refund'],
    ],
  );
  const deposit = 100_00000000n;
  assert.equal(BigInt(result.paid) + BigInt(result.returned), deposit);
  assert.equal(BigInt(result.refunded) + BigInt(second.transactions[1].fee), deposit);
  assert.equal(BigInt(result.fees), BigInt(first.transactions[0].fee) + BigInt(first.transactions[1].fee));
  assert.ok(BigInt(result.onChainFees) > BigInt(result.fees));
  for (const { txid, size } of [...first.transactions, ...second.transactions]) {
    assert.match(txid, /^[0-9a-f]{64}$/);
    assert.ok(size > 200 && size < 400);
  }
});

test('the demo in words tells every step of the diagram, and explains them when asked', async () => {
  const told = await demo('--payments', '3', '--form', 'compact', '--explain');
  for (const label of ['1', '2', 'A', 'B', 'C', '3', 'D', '4', '5', 'E', 'F', '6', 'G', 'H']) assert.ok(told.includes(`[${label}]`), label);
  assert.ok(told.includes('CHECKLOCKTIMEVERIFY DROP'));
  assert.ok(told.includes('2 transactions instead of 3'));
});
