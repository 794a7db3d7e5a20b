import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { CommandLine, type Ran } from './command-line.ts';
import type { Serving } from './serving.ts';

const DOGE = 100_000_000n;
const shown = z.object({ url: z.string() });
const address = z.object({ address: z.string() });
const opened = z.object({ channel: z.string() });
const refused = z.object({ error: z.string(), advice: z.string(), facts: z.record(z.string(), z.string()) });
const paid = z.object({ paidNow: z.string() });

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.close());

async function open(listen: string, ...prices: readonly string[]): Promise<{ readonly url: string; readonly serving: Serving }> {
  const flags = prices.flatMap((price) => ['--price', price]);
  const serving = await cli.serve('shop', 'merchant', '--listen', listen, ...flags);
  return { url: shown.parse(await serving.up).url, serving };
}

const pay = (...words: readonly string[]): Promise<Ran> => cli.run('payer', 'pay', ...words);

function assertTooHigh({ code, out }: Ran, facts: Readonly<Record<string, string>>): void {
  assert.equal(code, 1);
  const said = refused.parse(out);
  assert.deepEqual([said.error, said.facts], ['price-too-high', facts]);
  assert.match(said.advice, /--max /);
}

function assertPaid({ code, out, said }: Ran, sum: bigint): void {
  assert.equal(code, 0, said);
  assert.equal(paid.parse(out).paidNow, String(sum));
}

test('tea at 0.1 that a shop sells for 399.8 after a restart is not paid for, unless the owner agrees', async () => {
  const first = await open('127.0.0.1:0', 'tea=0.1', 'gold=41');
  assert.equal((await cli.run('payer', 'wallet', 'init')).code, 0);
  cli.regtest.fund(address.parse((await cli.run('payer', 'wallet', 'address')).out).address, amount(500n * DOGE));
  cli.regtest.mine(1);
  const made = await cli.run('payer', 'open', first.url, '--deposit', '400', '--no-wait');
  cli.regtest.mine(3);
  assert.equal((await cli.run('payer', 'open', '--resume', opened.parse(made.out).channel)).code, 0);
  assertPaid(await pay('--item', 'tea', '--times', '2'), DOGE / 5n);
  assertTooHigh(await pay('--item', 'gold'), { price: String(41n * DOGE), most: String(40n * DOGE - DOGE / 5n) });
  await first.serving.kill();

  const again = await open(new URL(first.url).host, 'tea=399.7');
  assertTooHigh(await pay('--item', 'tea'), { price: '39970000000', most: String(DOGE / 10n) });
  assertTooHigh(await pay('--item', 'tea', '--max', '399.6'), { price: '39970000000', most: '39960000000' });
  assertPaid(await pay('--item', 'tea', '--max', '399.7'), 39_970_000_000n);
  await again.serving.kill();
});
