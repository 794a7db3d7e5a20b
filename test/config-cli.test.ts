import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { CommandLine } from './command-line.ts';

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
after(() => cli.close());

test('a merchant serves as the config file says, and says what is wrong with it', { timeout: 120_000 }, async () => {
  const path = cli.folder('config.json');
  const socket = cli.folder('shop.sock');
  const merchant = { listen: `unix:${socket}`, price: ['tea=0.1'], bitcoinj: '127.0.0.1:0', trustProxy: 1 };
  writeFileSync(path, JSON.stringify({ merchant }));
  const { up } = await cli.serve('shop', 'merchant', '--config', path);
  const { url, bitcoinj } = z.object({ url: z.string(), bitcoinj: z.number() }).parse(await up);
  assert.equal(url, `unix:${socket}`);
  assert.ok(bitcoinj > 0);
  writeFileSync(path, JSON.stringify({ merchant: { ...merchant, price: ['tea'] } }));
  const { code, out } = await cli.run('other', 'merchant', '--config', path);
  assert.deepEqual([code, z.object({ message: z.string() }).parse(out).message], [2, 'tea is not a price.']);
});
