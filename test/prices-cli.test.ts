import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { CommandLine, type Ran } from './command-line.ts';
import type { Serving } from './serving.ts';
import { fund, wayTo } from './shop.ts';

const DOGE = 100_000_000n;
const up = z.object({ url: z.string() });
const opened = z.object({ channel: z.string() });
const refused = z.object({ error: z.string(), advice: z.string(), facts: z.record(z.string(), z.string()) });
const shown = z.object({ paid: z.string() });
const paid = z.object({ paidNow: z.string() });

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.close());

async function open(listen: string, ...prices: readonly string[]): Promise<{ readonly url: string; readonly serving: Serving }> {
  const flags = prices.flatMap((price) => ['--price', price]);
  const serving = await cli.serve('shop', 'merchant', '--listen', listen, ...flags);
  return { url: up.parse(await serving.up).url, serving };
}

/** The same shop, with another list of prices. */
async function restarted({ url, serving }: Awaited<ReturnType<typeof open>>, price: string): ReturnType<typeof open> {
  await serving.kill();
  return open(new URL(url).host, price);
}

const total = async (): Promise<string> => shown.parse((await cli.run('payer', 'show')).out).paid;

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
  await fund(cli, 'payer', 500n);
  const made = await cli.run('payer', 'open', first.url, '--deposit', '400', '--no-wait');
  cli.regtest.mine(3);
  assert.equal((await cli.run('payer', 'open', '--resume', opened.parse(made.out).channel)).code, 0);
  assertPaid(await pay('--item', 'tea', '--times', '2'), DOGE / 5n);
  assertTooHigh(await pay('--item', 'gold'), { price: String(41n * DOGE), most: String(40n * DOGE - DOGE / 5n) });

  const dearer = await restarted(first, 'tea=0.3');
  const facts = { price: '30000000', most: '10000000' };
  const before = await total();
  for (const answer of ['', 'n']) {
    const no = await cli.atTerminal(answer, 'payer', 'pay', '--item', 'tea');
    assert.match(no.said, /tea costs 0\.3 DOGE, but was at most 0\.1 DOGE before\. Pay\? \[y\/N\] /);
    assertTooHigh(no, facts);
  }
  assertTooHigh(await cli.tell('y\n', 'payer', 'pay', '--item', 'tea'), facts);
  assert.equal(await total(), before);
  assertPaid(await cli.atTerminal('y', 'payer', 'pay', '--item', 'tea'), 30_000_000n);
  assertPaid(await pay('--item', 'tea', '--max', '0.3'), 30_000_000n);

  const again = await restarted(dearer, 'tea=399.1');
  assertTooHigh(await pay('--item', 'tea'), { price: '39910000000', most: '30000000' });
  assertTooHigh(await pay('--item', 'tea', '--max', '399'), { price: '39910000000', most: '39900000000' });
  assertPaid(await pay('--item', 'tea', '--max', '399.1'), 39_910_000_000n);
  await again.serving.kill();
});

test('a purchase whose answer was lost is not made twice by the same command once more', async () => {
  const shop = await open('127.0.0.1:0', 'tea=0.1', 'coffee=0.2');
  let loses = false;
  const way = await wayTo(shop.url, ({ url }) => (loses && url.endsWith('/payments') ? 'lost' : undefined));
  try {
    const made = await cli.run('payer', 'open', way.url, '--deposit', '40', '--no-wait');
    cli.regtest.mine(3);
    const { channel } = opened.parse(made.out);
    assert.equal((await cli.run('payer', 'open', '--resume', channel)).code, 0);
    const once = ['pay', channel, '--item', 'tea'];
    assertPaid(await cli.run('payer', ...once), DOGE / 10n);
    loses = true;
    assert.equal((await cli.run('payer', ...once)).code, 3);
    loses = false;
    const retried = await cli.run('payer', ...once);
    assertPaid(retried, DOGE / 10n);
    assert.match(retried.said, /a payment of 0\.1 DOGE that got no answer is sent again first/);
    assert.equal(shown.parse((await cli.run('payer', 'show', channel)).out).paid, String(DOGE / 5n));
    assertPaid(await cli.run('payer', ...once), DOGE / 10n);
    loses = true;
    assert.equal((await cli.run('payer', ...once)).code, 3);
    loses = false;
    assertPaid(await cli.run('payer', 'pay', channel, '--item', 'coffee'), (3n * DOGE) / 10n);
  } finally {
    await way.close();
    await shop.serving.kill();
  }
});
