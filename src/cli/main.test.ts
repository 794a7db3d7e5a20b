import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { allCommands } from './main.ts';

const run = (...words: string[]) => promisify(execFile)(process.execPath, ['bin/pawment.js', ...words]);

const failing = async (...words: string[]) => {
  const ended = await run(...words).then(
    () => assert.fail(words.join(' ')),
    (error: unknown) => error,
  );
  assert.ok(ended instanceof Error && 'code' in ended && 'stderr' in ended && 'stdout' in ended);
  return { code: ended.code, words: String(ended.stderr), out: String(ended.stdout) };
};

test('a flag is not taken for the value of the one before it', async () => {
  for (const words of [
    ['open', '--resume', '--json'],
    ['pay', '--item', '--json'],
    ['wallet', 'balance', '--datadir', '--json'],
    ['merchant', '--price', '--json'],
  ]) {
    const { code, out, words: said } = await failing(...words);
    assert.equal(code, 2, words.join(' '));
    const { error, message } = z.object({ error: z.string(), message: z.string() }).parse(JSON.parse(out));
    assert.equal(error, 'usage');
    assert.match(message, /A flag is not a value/);
    assert.equal(said, '', 'who asks for JSON gets it on standard output');
  }
});

test('help names every command, and a command its own flags', async () => {
  const { stdout } = await run('--help');
  for (const name of ['demo', 'chain', 'wallet', 'merchant', 'pay', 'show', 'refund', 'verify', 'recover'])
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
  assert.match((await run('help', 'pay')).stdout, /--item/);
  assert.match((await run('pay', '--help')).stdout, /--item/);
  const { code, words } = await failing('constructor');
  assert.deepEqual([code, words], [2, "unknown command 'constructor'\nSee the help of the command: --help.\n"]);
});

test('no help shows a default as code', async () => {
  for (const command of await allCommands())
    for (const one of [command, ...command.commands]) assert.doesNotMatch(one.helpInformation(), /default: [[{]/, one.name());
});
