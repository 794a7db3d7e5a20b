import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { CommandLine } from './command-line.ts';

const DOGE = 100_000_000n;
const SHOP = ['merchant', '--price', 'tea=0.1', '--depth', '1', '--listen', '127.0.0.1:0'];
let cli: CommandLine;

before(async () => {
  cli = await CommandLine.open();
});
after(() => cli.close());

const failure = z.object({ error: z.literal('store-moved'), advice: z.string().regex(/--recover/) });
const shop = z.object({ url: z.string() });
const opened = z.object({ channel: z.string() });

test('a copied data folder does not serve beside the first one, and takes over from it when that is ordered', async () => {
  const first = await cli.serve('first', ...SHOP);
  const { url } = shop.parse(await first.up);
  assert.equal((await cli.run('payer', 'wallet', 'init')).code, 0);
  const { address } = z.object({ address: z.string() }).parse((await cli.run('payer', 'wallet', 'address')).out);
  cli.regtest.fund(address, amount(60n * DOGE));
  cli.regtest.mine(1);
  const { channel } = opened.parse((await cli.run('payer', 'open', url, '--deposit', '50', '--no-wait')).out);
  await cp(cli.folder('first'), cli.folder('second'), { recursive: true });
  const refused = await cli.run('second', ...SHOP);
  assert.notEqual(refused.code, 0);
  failure.parse(refused.out);
  cli.regtest.mine(1);
  assert.equal((await cli.run('payer', 'open', '--resume', channel)).code, 0, 'the first one serves as before');
  await first.kill();
  const second = await cli.serve('second', ...SHOP, '--recover');
  assert.ok(shop.parse(await second.up).url);
});
