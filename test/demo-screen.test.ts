import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { sentTo, shownBy } from './terminal.ts';

const PAYMENTS = 60;

/** What is another one in every run, in as many characters. */
function masked(shown: string): string {
  return shown
    .replaceAll(/\b[0-9a-f]{24,}\b/g, (hex) => 'x'.repeat(hex.length))
    .replaceAll(/\b[2mn][1-9A-HJ-NP-Za-km-z]{33,34}\b/g, 'address')
    .replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => '#'.repeat(port.length))
    .replaceAll(/\d+(?=\s+bytes)/g, (count) => '#'.repeat(count.length))
    .replaceAll(/\d+(\.\d+)? s\b/g, '# s')
    .replaceAll(/checked by .*/g, 'checked by …');
}

describe('the demo on a terminal', { concurrency: true }, () => {
  for (const columns of [80, 120])
    test(`its screen of ${columns} columns is as recorded: nothing is written over, nothing is cut`, async () => {
      const rows = await shownBy(columns, await sentTo(columns, ['demo', '--payments', String(PAYMENTS)]));
      assert.equal(`${masked(rows.join('\n'))}\n`, readFileSync(`test/recorded/demo-${columns}.txt`, 'utf8'));
    });
});
