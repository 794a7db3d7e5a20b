import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { until } from '../src/cli/wait.ts';
import { amount } from '../src/core/base/amount.ts';
import { CommandLine } from './command-line.ts';
import type { Serving } from './serving.ts';

const DOGE = 100_000_000n;
const TEA = DOGE / 10n;
/** Milliseconds between two askings. */
const LOOK = 50;

/** A disk of a program's own that fills up, and gets room again. */
interface Disk {
  readonly skip?: string | false;
  readonly starter: (folder: string) => readonly string[];
  readonly fill: (pid: number, folder: string) => void;
  readonly free: (pid: number, folder: string) => void;
}

const NAMESPACE = ['unshare', '--map-root-user', '--mount', 'sh', '-c'] as const;
const isMounting = spawnSync(NAMESPACE[0], [...NAMESPACE.slice(1), 'mount -t tmpfs none /mnt']).status === 0;

const DISKS: Readonly<Record<string, Disk>> = {
  // No file may grow (RLIMIT_FSIZE): every machine can do that, and SQLite and files fail in the midst of a write.
  'that keeps no more bytes': {
    starter: () => [],
    fill: (pid) => void execFileSync('prlimit', ['--pid', String(pid), '--fsize=0:']),
    free: (pid) => void execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:']),
  },
  'that is full': {
    skip: !isMounting && 'this machine lets nobody mount a small disk; the other test stands for it',
    starter: (folder) => [...NAMESPACE, 'mount -t tmpfs -o size=16m none "$0" && exec "$@"', folder],
    fill: (pid, folder) => {
      const file = openSync(`/proc/${pid}/root${folder}/filler`, 'w');
      const page = Buffer.alloc(4_096);
      try {
        assert.throws(
          () => {
            for (;;) writeSync(file, page);
          },
          { code: 'ENOSPC' },
        );
      } finally {
        closeSync(file);
      }
    },
    free: (pid, folder) => rmSync(`/proc/${pid}/root${folder}/filler`),
  },
};

let cli: CommandLine;

before(async () => {
  cli = await CommandLine.open();
});
after(() => cli.close());

const shown = z.object({ channel: z.string(), paid: z.coerce.bigint() });

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/v1/ready`)).status === 200;
}

function sales(shop: Serving): number {
  return shop.notes.filter((note) => note.includes('"msg":"sold"')).length;
}

for (const [name, disk] of Object.entries(DISKS))
  test(`a merchant on a disk ${name} delivers nothing and is not ready; with room again it goes on`, {
    skip: disk.skip ?? false,
    timeout: 240_000,
  }, async () => {
    const [shopName, payer] = [`shop ${name}`, `payer ${name}`];
    const folder = cli.folder(shopName);
    mkdirSync(folder);
    const words = ['merchant', '--listen', '127.0.0.1:0', '--price', 'tea=0.1', '--unconfirmed', '5', '--exposure', '50'];
    const shop = await cli.serveUnder(disk.starter(folder), shopName, ...words);
    const { url } = z.object({ url: z.string() }).parse(await shop.up);
    await cli.run(payer, 'wallet', 'init');
    const { address } = z.object({ address: z.string() }).parse((await cli.run(payer, 'wallet', 'address')).out);
    cli.regtest.fund(address, amount(20n * DOGE));
    cli.regtest.mine(1);
    const opened = await cli.run(payer, 'open', url, '--deposit', '10');
    assert.equal(opened.code, 0, opened.said);
    const pay = ['pay', '--item', 'tea', '--max', '0.1'];
    const first = await cli.run(payer, ...pay);
    assert.equal(first.code, 0, first.said);
    await until(async () => (sales(shop) === 1 ? true : undefined), LOOK);

    disk.fill(shop.pid, folder);
    await until(async () => ((await isReady(url)) ? undefined : true), LOOK);
    const failed = await cli.run(payer, ...pay);
    assert.equal(failed.code, 3, failed.said);
    assert.equal(sales(shop), 1);
    assert.equal((await fetch(`${url}/v1/live`)).status, 200);

    disk.free(shop.pid, folder);
    await until(async () => ((await isReady(url)) ? true : undefined), LOOK);
    const again = await cli.run(payer, ...pay);
    assert.equal(again.code, 0, again.said);
    assert.equal(shown.parse(again.out).paid - shown.parse(first.out).paid, TEA);
    await until(async () => (sales(shop) === 2 ? true : undefined), LOOK);
    await shop.kill();
  });

describe('where no file can be written', { concurrency: 2, timeout: 240_000 }, () => {
  const none = ['sh', '-c', 'ulimit -f 0; exec "$@"', 'sh'];
  const failing = z.object({ error: z.enum(['store-full', 'disk-failed']), message: z.string() });
  const MAKERS = {
    'wallet init': ['wallet', 'init'],
    merchant: ['merchant', '--listen', '127.0.0.1:0'],
    chain: ['chain', '--port', '0'],
  };
  for (const [name, words] of Object.entries(MAKERS))
    test(`${name} ends with exit code 3, leaves no half of a file, and begins anew once there is room`, async () => {
      const { code, out, said } = await cli.under(none, '', name, ...words);
      assert.deepEqual([code, failing.safeParse(out).success], [3, true], `${JSON.stringify(out)} ${said}`);
      if (name === 'wallet init') assert.equal((await cli.run(name, ...words)).code, 0);
      else await (await cli.serve(name, ...words)).kill();
    });

  test('a payer that looks or saves ends with exit code 3, and goes on once there is room', async () => {
    assert.equal((await cli.run('stuck', 'wallet', 'init')).code, 0);
    const commands = [['wallet', 'balance'], ['backup']];
    assert.equal((await cli.run('stuck', 'wallet', 'balance')).code, 0);
    for (const words of commands) {
      const { code, out, said } = await cli.under(none, '', 'stuck', ...words);
      assert.deepEqual([code, failing.safeParse(out).success], [3, true], `${words} ${JSON.stringify(out)} ${said}`);
    }
    for (const { code, said } of await cli.each(commands.map((words) => ({ folder: 'stuck', words })))) assert.equal(code, 0, said);
    assert.equal(existsSync(cli.folder('stuck/backups')), true);
  });
});
