import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Command } from 'commander';
import { WorldError } from '../engine/ports.ts';
import { decodeCommand } from './command/decode.ts';
import { merchantCommand } from './command/merchant.ts';
import { watchCommand } from './command/watch.ts';

const folder = mkdtempSync(join(tmpdir(), 'pawment-action-'));
after(() => rmSync(folder, { recursive: true }));

/** What a command is given when its words name a file of these settings. */
async function given(command: Command, settings: object, ...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify(settings), { mode: 0o600 });
  const flags: Record<string, unknown>[] = [];
  await command.action(() => void flags.push(command.opts())).parseAsync([...words, '--config', path], { from: 'user' });
  const [read = assert.fail('it did not run')] = flags;
  return read;
}

test('every flag of merchant and watcher may stand in the file, in place of what is usual', async () => {
  const merchant = {
    ...{
      listen: '[::1]:1',
      bitcoinj: ':2',
      price: ['tea=0.1'],
      payout: 'D…',
      contract: 'cltv',
      fixedFee: '0.1',
      depth: 6,
      unconfirmed: '5',
    },
    ...{
      exposure: '100',
      lifetime: 3_000,
      allowPublic: true,
      trustProxy: 2,
      hostName: ['a', 'b'],
      metrics: ':3',
      watchTo: 'w',
      backupTo: 'b',
    },
    ...{ backupEvery: 5, recover: true, wait: false, verbose: true, duplex: '100', duplexEach: '10', duplexPercent: 50 },
  };
  const { config: _, json, ...flags } = await given(merchantCommand(), { json: true, merchant });
  assert.deepEqual({ ...flags }, merchant);
  assert.equal(json, true);
  const watch = { once: true, wait: false, silence: 3, textfile: 'w.prom' };
  const { config: __, ...watched } = await given(watchCommand(), { merchant, watch }, 'folder');
  assert.deepEqual({ ...watched }, watch);
});

test('a flag on the line goes before the file, a list before the file’s list; what neither says is as usual', async () => {
  const settings = { merchant: { price: ['tea=0.1', 'coffee=0.2'], trustProxy: true, backupEvery: 5, wait: true } };
  const flags = await given(merchantCommand(), settings, '--price', 'cake=0.3', '--backup-every', '60', '--no-wait');
  assert.deepEqual([flags['price'], flags['backupEvery'], flags['wait'], flags['trustProxy']], [['cake=0.3'], 60, false, true]);
  assert.equal(flags['listen'], '127.0.0.1:8402');
});

test('what a command does not know, of another kind, or out of its bounds is refused with its place', async () => {
  const wrong: readonly (readonly [settings: object, message: RegExp])[] = [
    [{ merchant: { prices: ['tea=0.1'] } }, /"prices"[\s\S]*at merchant/],
    [{ merchant: { price: 'tea=0.1' } }, /at merchant\.price/],
    [{ merchant: { price: ['tea=0.1', 2] } }, /at merchant\.price\[1\]/],
    [{ merchant: { depth: '6' } }, /at merchant\.depth/],
    [{ merchant: { depth: 0 } }, /at merchant\.depth/],
    [{ merchant: { depth: 1.5 } }, /at merchant\.depth/],
    [{ merchant: { trustProxy: 17 } }, /at merchant\.trustProxy/],
    [{ merchant: { allowPublic: 1 } }, /at merchant\.allowPublic/],
    [{ merchant: { coin: 'dogecoin' } }, /"coin"[\s\S]*at merchant/],
    [{ merchant: [] }, /at merchant/],
    [{ listen: '127.0.0.1:0' }, /"listen"/],
    [{ shop: {} }, /"shop"/],
    [{ watch: 5 }, /at watch/],
  ];
  for (const [settings, message] of wrong) {
    const isSaid = (error: unknown): boolean => error instanceof WorldError && error.code === 'config' && message.test(error.message);
    await assert.rejects(given(merchantCommand(), settings), isSaid, JSON.stringify(settings));
  }
});

test('another command passes the sections over, and a command below reads none but what all share', async () => {
  const settings = { json: true, merchant: { price: 'of another command' } };
  assert.equal((await given(decodeCommand(), settings, '51'))['json'], true);
  const merchant = merchantCommand().enablePositionalOptions();
  const channels = merchant.commands.find((one) => one.name() === 'channels') ?? assert.fail();
  assert.equal((await given(channels, settings))['json'], true);
});
