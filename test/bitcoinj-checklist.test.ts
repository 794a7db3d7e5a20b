import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

const ROW = /^\| (?<what>[^|]+) \| \[[^\]]+\]\(\.\.\/(?<file>[^)]+)\): (?<title>[^|]+) \|$/gm;
const OF_BITCOINJ = 32;
const FAULTS = 18;

test('each test and each fault of bitcoinj’s has the counterpart that docs/bitcoinj.md names', async () => {
  const text = await readFile('docs/bitcoinj.md', 'utf8');
  const rows = [...text.matchAll(ROW)].map(({ groups }) => ({
    what: groups?.['what'] ?? '',
    file: groups?.['file'] ?? '',
    title: groups?.['title'] ?? '',
  }));
  assert.equal(rows.filter(({ what }) => /^\w+$/.test(what)).length, OF_BITCOINJ);
  assert.equal(rows.length, OF_BITCOINJ + FAULTS);
  for (const { what, file, title } of rows) {
    assert.ok(existsSync(file), file);
    assert.ok((await readFile(join(file), 'utf8')).includes(title), `${what}: no test “${title}” in ${file}`);
  }
});
