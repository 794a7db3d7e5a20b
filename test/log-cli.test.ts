import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { CommandLine } from './command-line.ts';

const DOGE = 100_000_000n;
let cli: CommandLine;

before(async () => {
  cli = await CommandLine.open();
});
after(() => cli.close());

const sale = z.object({
  msg: z.literal('sold'),
  channel: z.string(),
  item: z.string(),
  by: z.string(),
  total: z.string(),
  coin: z.string(),
});

test('what is sold is logged alike over HTTP and bitcoinj’s protocol; a failure is a line with where it struck', {
  timeout: 240_000,
}, async () => {
  const words = ['--listen', '127.0.0.1:0', '--bitcoinj', ':0', '--price', 'tea=0.1', '--unconfirmed', '5', '--exposure', '50'];
  const shop = await cli.serve('merchant', 'merchant', ...words);
  const { url, bitcoinj } = z.object({ url: z.string(), bitcoinj: z.int() }).parse(await shop.up);
  await cli.run('payer', 'wallet', 'init');
  const { address } = z.object({ address: z.string() }).parse((await cli.run('payer', 'wallet', 'address')).out);
  for (let i = 0; i < 2; i++) cli.regtest.fund(address, amount(100n * DOGE));
  cli.regtest.mine(1);

  const opened = await cli.run('payer', 'open', url, '--deposit', '10');
  assert.equal(opened.code, 0, JSON.stringify(opened));
  assert.equal((await cli.run('payer', 'pay', '--item', 'tea', '--max', '0.1')).code, 0);
  const server = `127.0.0.1:${bitcoinj}`;
  const paid = await cli.run('payer', 'pay', '--bitcoinj', server, '--deposit', '10', '--amount', '0.1', '--max', '0.1', '--info', 'tea');
  assert.equal(paid.code, 0, JSON.stringify(paid));

  const lines: unknown[] = [];
  for (const via of ['http', 'bitcoinj']) lines.push(JSON.parse(await shop.note(new RegExp(`^({.*"via":"${via}".*"msg":"sold".*})$`))));
  const [first, second] = z.array(sale).parse(lines);
  assert.deepEqual([first?.item, second?.item], ['tea', 'tea']);
  assert.deepEqual([first?.coin, second?.by], ['DOGE', '0.1']);

  await mkdir(cli.folder('closes'));
  const watcher = await cli.serve('watcher', 'watch', cli.folder('closes'));
  const alarm: unknown = JSON.parse(await watcher.note(/^({.*"alarm":"merchant-silent".*})$/));
  assert.match(z.object({ level: z.literal(40), msg: z.string() }).parse(alarm).msg, /^ALARM /);

  await cli.node.close();
  for (const [serving, where] of [
    [shop, 'follow'],
    [watcher, 'watch'],
  ] as const) {
    const failed: unknown = JSON.parse(await serving.note(new RegExp(`^({.*"where":"${where}".*})$`)));
    assert.equal(z.object({ code: z.string(), level: z.literal(40) }).parse(failed).code, 'node-down');
  }
  for (const note of watcher.notes) assert.match(note, /^\{.*\}$/);
});
