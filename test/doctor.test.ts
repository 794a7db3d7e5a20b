import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { until } from '../src/cli/wait.ts';
import { dogecoin } from '../src/core/coin/dogecoin.ts';
import { CommandLine } from './command-line.ts';
import { type FakeNode, fakeNode } from './world/fake-node.ts';

const HOUR = 3_600;
/** Milliseconds between two looks for a file. */
const LOOK = 50;

let cli: CommandLine;
/** Takes connections and says nothing. */
let silent: Server;
/** A node of the main network whose blocks are of a time to come. */
let ahead: FakeNode;
/** Where a merchant serves that a watcher stands by. */
let served: string;

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? (address satisfies AddressInfo).port : assert.fail();
}

before(async () => {
  cli = await CommandLine.open();
  silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { genesis } = dogecoin;
  const medianTime = Math.floor(Date.now() / 1000) + 3 * HOUR + 600;
  const answers: Readonly<Record<string, string>> = {
    getblockhash: `"${genesis}"`,
    getblockchaininfo: `{"blocks":6000000,"headers":6000000,"bestblockhash":"${genesis}","mediantime":${medianTime},"pruned":true,"pruneheight":5990000}`,
    getnetworkinfo: '{"version":1140900,"subversion":"/Shibetoshi:1.14.9/","connections":8,"timeoffset":-2,"relayfee":0.001}',
    getmempoolinfo: '{"size":7,"mempoolminfee":0.001}',
    estimatesmartfee: '{"feerate":-1,"blocks":2}',
  };
  ahead = await fakeNode((method) => answers[method] ?? { code: -32601, message: 'Method not found' });

  const backupTo = cli.folder('saved');
  const watchTo = cli.folder('closes');
  const shop = await cli.serve('shop', 'merchant', '--listen', '127.0.0.1:0', '--backup-to', backupTo, '--watch-to', watchTo);
  await cli.serve('watcher', 'watch', watchTo, '--textfile', cli.folder('figures.prom'));
  served = z
    .object({ url: z.string() })
    .parse(await shop.up)
    .url.replace('http://', '');
  await cli.run('payer', 'wallet', 'init');
  await cli.run('payer', 'wallet', 'balance');
  await cli.run('payer', 'backup');
  const isMade = (name: string): boolean => existsSync(cli.folder(name));
  const isSaved = (): boolean => isMade('saved') && readdirSync(backupTo).some((name) => name.endsWith('.json'));
  await until(async () => (isMade('figures.prom') && isMade('closes/heartbeat.json') && isSaved() ? true : undefined), LOOK);
});

after(async () => {
  silent.close();
  await ahead.close();
  await cli.close();
});

interface Examined {
  readonly code: unknown;
  readonly out: string;
}

async function doctor(folder: string, words: readonly string[], starter: readonly string[] = []): Promise<Examined> {
  const given = ['--rpc-url', cli.node.url, '--datadir', cli.folder(folder), '--coin', 'dogecoin-regtest', ...words];
  const [program = '', ...args] = [...starter, process.execPath, 'bin/pawment.js', 'doctor', ...given];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { code, out };
}

/** What is another one in every run. */
function masked(out: string): string {
  return out
    .replaceAll(cli.folder('.'), '…')
    .replaceAll(/(?<=127\.0\.0\.1:)\d+/g, '#')
    .replaceAll(/\d+(?= MiB)/g, '#')
    .replaceAll(/\d+ (?:seconds|minutes)(?= (?:ago|old))/g, '#');
}

const recorded: ReadonlyMap<string, string> = new Map(
  readFileSync('test/recorded/doctor.txt', 'utf8')
    .split(/^== /m)
    .slice(1)
    .map((section) => {
      const [title = '', ...lines] = section.split('\n');
      return [title, `${lines.join('\n').trimEnd()}\n`];
    }),
);

interface SetUp {
  readonly folder: string;
  readonly words?: () => readonly string[];
  readonly starter?: readonly string[];
  readonly break?: () => void;
}

const seeds = (folder: string): void => {
  mkdirSync(cli.folder(folder), { mode: 0o700 });
  writeFileSync(cli.folder(`${folder}/merchant.seed`), '{}', { mode: 0o600 });
};

const SET_UPS: Readonly<Record<string, SetUp>> = {
  'a merchant that is well': {
    folder: 'shop',
    words: () => [
      ...['--listen', served, '--backup-to', cli.folder('saved'), '--watch-to', cli.folder('closes')],
      ...['--textfile', cli.folder('figures.prom')],
    ],
  },
  'a payer that is well': { folder: 'payer' },
  'the node is away': { folder: 'payer', words: () => ['--rpc-url', 'http://127.0.0.1:1'] },
  'the node says nothing': { folder: 'payer', words: () => ['--rpc-url', `http://127.0.0.1:${portOf(silent)}`] },
  'the node is of another coin': { folder: 'payer', words: () => ['--coin', 'litecoin-regtest'] },
  'the clock is hours behind, and the node is pruned': { folder: 'payer', words: () => ['--coin', 'dogecoin', '--rpc-url', ahead.url] },
  'the disk keeps nothing': { folder: 'payer', starter: ['sh', '-c', 'ulimit -f 0; exec "$@"', 'sh'] },
  'the folder is mistyped': { folder: 'pyaer' },
  'others read the seed and look into the folder': {
    folder: 'open',
    words: () => ['--listen', '127.0.0.1:0'],
    break: () => {
      seeds('open');
      chmodSync(cli.folder('open'), 0o755);
      chmodSync(cli.folder('open/merchant.seed'), 0o644);
    },
  },
  'the port is taken, and the store is lost': {
    folder: 'taken',
    words: () => ['--config', cli.folder('pawment.json')],
    break: () => {
      writeFileSync(cli.folder('pawment.json'), JSON.stringify({ merchant: { listen: `127.0.0.1:${portOf(silent)}` } }));
      seeds('taken');
      writeFileSync(cli.folder('taken/merchant.opened'), '');
    },
  },
  'the watcher is dead, and its folder is mistyped': {
    folder: 'unwatched',
    words: () => ['--listen', '127.0.0.1:0', '--watch-to', cli.folder('colses'), '--textfile', cli.folder('old.prom')],
    break: () => {
      seeds('unwatched');
      writeFileSync(cli.folder('old.prom'), '');
      const then = Date.now() / 1_000 - 3 * HOUR - 60;
      utimesSync(cli.folder('old.prom'), then, then);
    },
  },
};

describe('pawment doctor', { concurrency: 2, timeout: 240_000 }, () => {
  for (const [name, { folder, words, starter, break: prepare }] of Object.entries(SET_UPS))
    test(`says of a set-up where ${name} what was recorded`, async () => {
      prepare?.();
      const { code, out } = await doctor(folder, words?.() ?? [], starter);
      assert.equal(`exit code ${code}\n${masked(out)}`, recorded.get(name));
    });

  test('makes nothing that was not there', () => {
    for (const name of ['pyaer', 'colses']) assert.equal(existsSync(cli.folder(name)), false, name);
    assert.deepEqual(
      readdirSync(cli.folder('payer')).filter((name) => name.startsWith('.')),
      [],
    );
  });

  test('prints one object with --json', async () => {
    const { code, out } = await cli.run('payer', 'doctor');
    const finding = z.strictObject({
      check: z.string(),
      state: z.enum(['ok', 'warning', 'problem']),
      message: z.string(),
      advice: z.string().optional(),
    });
    const shown = z.strictObject({ problems: z.literal(0), warnings: z.literal(0), checks: z.array(finding) });
    assert.deepEqual([code, shown.safeParse(out).error], [0, undefined]);
  });
});
