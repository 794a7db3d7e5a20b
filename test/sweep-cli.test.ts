import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { CommandLine } from './command-line.ts';

const PIECE = 10_000_000n;
const swept = z.object({ txids: z.array(z.string()), value: z.coerce.bigint(), fee: z.coerce.bigint(), coins: z.int() });
const refused = z.object({ error: z.string(), advice: z.string() });
const address = z.object({ address: z.string() });
const balance = z.object({ confirmed: z.coerce.bigint() });

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.close());

const wallet = async (...words: readonly string[]): Promise<unknown> => (await cli.run('payer', 'wallet', ...words)).out;

test('700 small pieces: what they are too many for is done after the sweep that is advised, and `all` leaves nothing', async () => {
  await wallet('init');
  const own = address.parse(await wallet('address')).address;
  for (let i = 0; i < 700; i++) cli.regtest.fund(own, amount(PIECE));
  cli.regtest.mine(1);
  const elsewhere = cli.regtest.newAddress();

  // As many as one transaction holds are taken at once.
  const many = z.object({ fee: z.coerce.bigint() }).parse(await wallet('send', elsewhere, '30'));
  cli.regtest.mine(1);
  for (let i = 0; i < 400; i++) cli.regtest.fund(own, amount(PIECE));
  cli.regtest.mine(1);
  const { confirmed } = balance.parse(await wallet('balance'));
  assert.equal(confirmed, 1_100n * PIECE - 300n * PIECE - many.fee);

  const scattered = refused.parse(await wallet('send', elsewhere, '75'));
  assert.equal(scattered.error, 'wallet-short');
  assert.match(scattered.advice, /`pawment wallet sweep`/);
  const merged = swept.parse(await wallet('sweep'));
  assert.equal(merged.value + merged.fee, confirmed);
  cli.regtest.mine(1);
  assert.equal((await cli.run('payer', 'wallet', 'send', elsewhere, '75')).code, 0);
  cli.regtest.mine(1);

  const all = swept.parse(await wallet('send', elsewhere, 'all'));
  assert.ok(all.value > 0n);
  cli.regtest.mine(1);
  assert.equal(balance.parse(await wallet('balance')).confirmed, 0n);
  assert.equal((await cli.run('payer', 'wallet', 'send', `dogecoin:${elsewhere}?amount=1`, 'all')).code, 2);
});
