import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { CommandLine, type Ran } from './command-line.ts';

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const FREE = ['--listen', '127.0.0.1:0'] as const;
const told = z.object({ error: z.string(), message: z.string(), advice: z.string() });

let cli: CommandLine;

before(async () => {
  cli = await CommandLine.open();
  writeFileSync(cli.folder('file'), '');
});
after(() => cli.close());

/** It was refused in so many words, by no fault of pawment's, with this exit code. */
function refused({ code, out, said }: Ran, expected: 2 | 3, message: RegExp, errors: readonly string[] = ['config']): void {
  const { error, message: words } = told.parse(out);
  assert.deepEqual([code, errors.includes(error)], [expected, true], `${words} ${said}`);
  assert.match(words, message);
}

const isProc = existsSync('/proc/self');

test('no command takes a file for its data folder, nor a place where nothing can be made', { timeout: 120_000 }, async () => {
  const makers = [
    ['wallet', 'init'],
    ['merchant', ...FREE],
    ['chain', '--port', '0'],
  ];
  const folders = ['file', 'file/data', ...(isProc ? ['/proc/pawment/data'] : [])];
  const asked = folders.flatMap((folder) => makers.map((words) => ({ folder, words })));
  for (const ran of await cli.each(asked)) refused(ran, 2, /file|\/proc/);
  refused(await cli.tell(WORDS, isProc ? '/proc/pawment/data' : 'file', 'wallet', 'restore'), 2, /file|\/proc/);
});

test('no command that looks, or goes on, makes a data folder that is mistyped', { timeout: 120_000 }, async () => {
  const lookers = [
    ['wallet', 'balance'],
    ['channels'],
    ['show'],
    ['refund'],
    ['recover'],
    ['status'],
    ['backup', '--role', 'merchant'],
    ['restore', '--role', 'merchant'],
    ['merchant', 'channels'],
    ['merchant', 'close', '--all'],
  ];
  for (const ran of await cli.each(lookers.map((words) => ({ folder: 'mistyped', words })))) refused(ran, 2, /mistyped|no such backup/);
  refused(await cli.tell('one two three', 'mistyped', 'wallet', 'restore'), 2, /3 words/);
  assert.equal(existsSync(cli.folder('mistyped')), false);
  assert.equal((await cli.tell(WORDS, 'meant', 'wallet', 'restore')).code, 0);
  assert.deepEqual((await cli.run('meant', 'channels')).out, { channels: [] });
});

describe('who asks for a watcher or backups', { concurrency: 2, timeout: 240_000 }, () => {
  test('sells nothing where a folder can not be kept, and has it made where there is none', async () => {
    const bad = ['--watch-to', '--backup-to'].flatMap((flag) => [
      [flag, cli.folder('file')],
      [flag, isProc ? '/proc/pawment' : cli.folder('file/data')],
    ]);
    for (const ran of await cli.each(bad.map((words) => ({ folder: 'shop', words: ['merchant', ...FREE, ...words] }))))
      refused(ran, 2, /\/proc|file/);
    const [watchTo, backupTo] = [cli.folder('new/closes'), cli.folder('new/saved')];
    const shop = await cli.serve('shop', 'merchant', ...FREE, '--watch-to', watchTo, '--backup-to', backupTo);
    for (const folder of [watchTo, backupTo]) assert.ok(statSync(folder).isDirectory());
    await shop.kill();
  });

  test('watches no folder that is mistyped, and does not make it', async () => {
    const colses = cli.folder('colses');
    const words = [
      ['watch', colses, '--once'],
      ['watch', colses],
    ];
    for (const ran of await cli.each(words.map((words) => ({ folder: 'watcher', words })))) refused(ran, 2, /colses/);
    assert.equal(existsSync(colses), false);
  });

  test('is told its alarms where figures can not be written', async () => {
    mkdirSync(cli.folder('looked-at'));
    const words = ['watch', cli.folder('looked-at'), '--once', '--textfile', cli.folder('file/figures.prom')];
    const { code, out, said } = await cli.run('watcher', ...words);
    assert.deepEqual([code, z.object({ alarms: z.array(z.unknown()) }).parse(out).alarms.length], [4, 1]);
    assert.match(said, /file is not a folder/);
  });
});

test('who has no home is told to name a folder, and goes on in one that is named', async () => {
  const { PAWMENT_DATADIR: _, HOME: __, ...env } = process.env;
  const channels = (starter: readonly string[], more: NodeJS.ProcessEnv): readonly unknown[] => {
    const [program = '', ...args] = [...starter, process.execPath, 'bin/pawment.js', 'channels', '--json'];
    const { status, stdout } = spawnSync(program, args, { env: { ...env, ...more }, encoding: 'utf8' });
    const { error, message } = told.parse(JSON.parse(stdout));
    return [status, error, message];
  };
  const homeless = [2, 'config', 'This user has no home folder.'];
  assert.deepEqual(channels([], { HOME: '' }), homeless);
  // As a user that the system has no entry of, where this one may become another.
  const unknown = ['setpriv', '--reuid=54321', '--regid=54321', '--clear-groups'] as const;
  const isFree = spawnSync(unknown[0], [...unknown.slice(1), process.execPath, 'bin/pawment.js', '--version']).status === 0;
  if (isFree) assert.deepEqual(channels(unknown, {}), homeless);
  const made = await cli.under(['env', 'HOME='], '', 'homeless', 'wallet', 'init');
  assert.equal(made.code, 0, made.said);
  assert.deepEqual(channels([], { HOME: '/nonexistent' }).slice(0, 2), [2, 'config']);
});

for (const umask of ['0777', '0000'])
  test(`a umask of ${umask} changes nothing: what is made is its owner's alone`, { timeout: 120_000 }, async () => {
    const starter = ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh'];
    const folder = `umask-${umask}`;
    for (const words of [['wallet', 'init'], ['wallet', 'balance'], ['backup']]) {
      const { code, said } = await cli.under(starter, '', folder, ...words);
      assert.equal(code, 0, said);
    }
    const root = cli.folder(folder);
    assert.equal(statSync(root).mode & 0o777, 0o700);
    const made = readdirSync(root, { recursive: true, encoding: 'utf8' });
    assert.ok(made.some((name) => name.startsWith('backups/')) && made.includes('payer.sqlite'));
    for (const name of made) {
      const found = statSync(join(root, name));
      assert.equal(found.mode & 0o777, found.isDirectory() ? 0o700 : 0o600, name);
    }
  });

describe('output that nothing takes', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, () => {
  test('ends a command with exit code 3, and what it did stands', async () => {
    const words = ['bin/pawment.js', 'wallet', 'init', '--rpc-url', cli.node.url, '--datadir', cli.folder('untold'), '--json'];
    const child = spawn(process.execPath, words, { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
    const [said, [code]] = await Promise.all([child.stderr === null ? '' : text(child.stderr), once(child, 'close')]);
    assert.deepEqual([code, existsSync(join(cli.folder('untold'), 'payer.seed'))], [3, true]);
    assert.match(said, /^Standard output can't be written: ENOSPC.* What the command did is still done\.\n$/);
  });

  test('as a log does not end a merchant', { timeout: 120_000 }, async () => {
    const starter = ['sh', '-c', 'exec "$@" 2>/dev/full', 'sh'];
    const shop = await cli.serveUnder(starter, 'unlogged', 'merchant', ...FREE, '--verbose');
    const { url } = z.object({ url: z.string() }).parse(await shop.up);
    // Each of them is a line of the log.
    for (let i = 0; i < 3; i++) assert.equal((await fetch(`${url}/v1/live`)).status, 200);
  });
});
