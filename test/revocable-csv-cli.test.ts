import assert from 'node:assert/strict';
import { after as afterAll, test } from 'node:test';
import { z } from 'zod';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { CommandLine, type Ran } from './command-line.ts';
import { fund } from './shop.ts';

const up = z.object({ url: z.string() });
const opened = z.object({ channel: z.string() });
const refreshed = z.object({ paid: z.string(), gaveBack: z.string() });

const lines: CommandLine[] = [];
afterAll(async () => {
  for (const line of lines) await line.close();
});

function ok({ code, out, said }: Ran): void {
  assert.equal(code, 0, said + JSON.stringify(out));
}

test('on Litecoin a merchant sells, is paid and gives back under picopayments’ own scripts', async () => {
  const cli = await CommandLine.open(litecoinRegtest);
  lines.push(cli);
  const serving = await cli.serve('shop', 'merchant', '--listen', '127.0.0.1:0', '--price', 'tea=0.02', '--contract', 'revocable-csv');
  const { url } = up.parse(await serving.up);
  ok(await cli.run('payer', 'wallet', 'init'));
  await fund(cli, 'payer', 5n);
  const made = await cli.run('payer', 'open', url, '--deposit', '1', '--no-wait');
  ok(made);
  const { channel } = opened.parse(made.out);
  cli.regtest.mine(3);
  ok(await cli.run('payer', 'open', '--resume', channel));
  ok(await cli.run('payer', 'pay', '--item', 'tea', '--times', '5'));
  ok(await cli.run('shop', 'merchant', 'give-back', channel.slice(0, 8), '0.06'));
  const took = await cli.run('payer', 'refresh', channel);
  ok(took);
  assert.deepEqual(refreshed.parse(took.out), { paid: '4000000', gaveBack: '6000000' });
  ok(await cli.run('payer', 'close'));
  await serving.kill();
});

test('on Dogecoin no such merchant starts: it is told why, and of the contract that does the same there', async () => {
  const cli = await CommandLine.open();
  lines.push(cli);
  const refused = await cli.run('shop', 'merchant', '--listen', '127.0.0.1:0', '--price', 'tea=2', '--contract', 'revocable-csv');
  assert.equal(refused.code, 2, refused.said + JSON.stringify(refused.out));
  const told = JSON.stringify(refused.out);
  assert.match(told, /Dogecoin does not enforce CSV.*Use revocable\./s);
});
