import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

test('bash completes commands, their own commands and flags, by the script that is printed', async () => {
  const { stdout: script } = await run(process.execPath, ['bin/pawment.js', 'completion', 'bash']);
  const completed = async (...words: readonly string[]): Promise<readonly string[]> => {
    const line = words.map((word) => `'${word}'`).join(' ');
    const asked = `${script}\nCOMP_WORDS=(pawment ${line}); COMP_CWORD=${words.length}; _pawment; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await run('bash', ['-c', asked])).stdout.split('\n').filter((word) => word !== '');
  };
  assert.deepEqual(await completed('wal'), ['wallet']);
  assert.deepEqual(await completed('wallet', 's'), ['send', 'sweep']);
  assert.deepEqual(await completed('pay', 'tea', '--ti'), ['--times']);
  assert.deepEqual(await completed('merchant', 'close', '--a'), ['--all']);
});
