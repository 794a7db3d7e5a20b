import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { PAGE, withTable } from '../scripts/config-table.ts';

test('the table of settings is what the flags give (npm run docs writes it)', async () => {
  const page = await readFile(PAGE, 'utf8');
  assert.equal(page, withTable(page));
  for (const row of ['`coin`', '`rpcPassword`', '`merchant.price`', '`merchant.wait`', '`watch.silence`'])
    assert.ok(page.includes(`\n| ${row} |`), row);
});
