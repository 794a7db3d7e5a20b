import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { whyWithoutJava } from './build.ts';
import { transcript } from './transcript.ts';

/** Keys are others each time. */
function normal(line: string): string {
  return line.replace(/key \w+…/, 'key …');
}

test('a bitcoinj client buys from pawment merchant as docs/bitcoinj.md has it', { skip: whyWithoutJava() ?? false }, async () => {
  const text = await readFile('docs/bitcoinj.md', 'utf8');
  const shown = text.split('\n').filter((line) => /^(bitcoinj|pawment ) {2}[A-Z_]+/.test(line));
  assert.deepEqual((await transcript()).map(normal), shown.map(normal));
});
