import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { CommandLine, type Ran } from './command-line.ts';
import { fund } from './shop.ts';

const DOGE = 100_000_000n;
const up = z.object({ url: z.string() });
const opened = z.object({ channel: z.string() });
const refused = z.object({ error: z.string(), facts: z.record(z.string(), z.string()) });
const refreshed = z.object({ paid: z.string(), gaveBack: z.string() });
const watching = z.object({
  tip: z.int(),
  sent: z.array(z.unknown()),
  alarms: z.array(z.unknown()),
  back: z.object({
    channels: z.array(z.object({ total: z.string(), closing: z.int() })),
    sent: z.array(z.object({ outcome: z.string() })),
  }),
});
const listed = z.object({ channels: z.array(z.object({ total: z.string(), giveBack: z.string().optional() })) });

function ok({ code, out, said }: Ran): void {
  assert.equal(code, 0, said + JSON.stringify(out));
}

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.close());

test('a merchant gives back on order, and pawment refresh takes it; what can’t be given back is refused with what can', async () => {
  const serving = await cli.serve('shop', 'merchant', '--listen', '127.0.0.1:0', '--price', 'tea=2', '--contract', 'revocable');
  const { url } = up.parse(await serving.up);
  ok(await cli.run('payer', 'wallet', 'init'));
  await fund(cli, 'payer', 500n);
  const made = await cli.run('payer', 'open', url, '--deposit', '100', '--no-wait');
  ok(made);
  const { channel } = opened.parse(made.out);
  cli.regtest.mine(3);
  ok(await cli.run('payer', 'open', '--resume', channel));
  const paid = await cli.run('payer', 'pay', '--item', 'tea', '--times', '5');
  ok(paid);

  const nothing = refreshed.parse((await cli.run('payer', 'refresh')).out);
  assert.deepEqual([nothing.paid, nothing.gaveBack], [String(10n * DOGE), '0']);

  const ordered = await cli.run('shop', 'merchant', 'give-back', channel.slice(0, 8), '2.5');
  ok(ordered);
  const [first] = listed.parse((await cli.run('shop', 'merchant', 'channels')).out).channels;
  assert.deepEqual(first, { total: String(10n * DOGE), giveBack: String((5n * DOGE) / 2n) });
  const took = await cli.run('payer', 'refresh', channel);
  ok(took);
  assert.deepEqual(refreshed.parse(took.out), { paid: String((15n * DOGE) / 2n), gaveBack: String((5n * DOGE) / 2n) });

  const tooMuch = await cli.run('shop', 'merchant', 'give-back', channel, '8');
  assert.equal(tooMuch.code, 1);
  assert.deepEqual(refused.parse(tooMuch.out), { error: 'give-back-too-much', facts: { most: String((15n * DOGE) / 2n) } });

  // The next payment takes along what waits.
  ok(await cli.run('shop', 'merchant', 'give-back', '1.5'));
  ok(await cli.run('payer', 'pay', '--item', 'tea'));
  const last = refreshed.parse((await cli.run('payer', 'refresh')).out);
  assert.deepEqual([last.paid, last.gaveBack], [String(8n * DOGE), '0']);

  // The owner says that this may be an older copy: nothing more is sold on the channel, which is only ended.
  await serving.kill();
  const listen = new URL(url).host;
  const terms = ['--price', 'tea=2', '--contract', 'revocable'] as const;
  const recovered = await cli.serve('shop', 'merchant', '--listen', listen, ...terms, '--recover');
  up.parse(await recovered.up);
  const unsold = await cli.run('payer', 'pay', '--item', 'tea');
  assert.deepEqual([unsold.code, refused.partial().parse(unsold.out).error], [1, 'payee-set-back'], unsold.said);
  ok(await cli.run('payer', 'close'));
  await recovered.kill();
});

test('of a contract in which money moves one way nothing is given back', async () => {
  const serving = await cli.serve('plain', 'merchant', '--listen', '127.0.0.1:0', '--price', 'tea=2');
  const { url } = up.parse(await serving.up);
  const made = await cli.run('payer', 'open', url, '--deposit', '20', '--no-wait');
  const { channel } = opened.parse(made.out);
  cli.regtest.mine(3);
  ok(await cli.run('payer', 'open', '--resume', channel));
  ok(await cli.run('payer', 'pay', channel, '--item', 'tea'));
  const no = await cli.run('plain', 'merchant', 'give-back', channel, '1');
  assert.deepEqual([no.code, refused.parse(no.out).error], [1, 'contract-one-way'], no.said + JSON.stringify(no.out));
  await serving.kill();
});

const back = z.object({ gaveBack: z.string(), paidBack: z.string().optional(), balance: z.string().optional() });
const selling = z.object({ url: z.string(), payTo: z.string() });
const figures = z.object({
  merchant: z.object({ source: z.string(), channels: z.object({ open: z.int() }), capacity: z.string() }),
});
const pairs = z.object({ channels: z.array(z.object({ ordered: z.string(), paidBack: z.string(), balance: z.string() })) });

test('where payments are final a merchant gives back in a channel the other way, and pawment refresh takes it', async () => {
  const serving = await cli.serve(
    'both',
    'merchant',
    '--listen',
    '127.0.0.1:0',
    '--price',
    'tea=2',
    '--duplex',
    '500',
    '--metrics',
    '127.0.0.1:0',
  );
  const { url, payTo } = selling.parse(await serving.up);
  cli.regtest.fund(payTo, amount(1_000n * DOGE));
  ok(await cli.run('winner', 'wallet', 'init'));
  await fund(cli, 'winner', 500n);
  const { channel } = opened.parse((await cli.run('winner', 'open', url, '--deposit', '40', '--no-wait')).out);
  cli.regtest.mine(6);
  ok(await cli.run('winner', 'open', '--resume', channel));
  ok(await cli.run('winner', 'pay', '--item', 'tea', '--times', '3', '--max', '2'));
  const tooMuch = await cli.run('both', 'merchant', 'give-back', '41');
  assert.deepEqual([tooMuch.code, refused.parse(tooMuch.out).error], [1, 'give-back-uncovered'], tooMuch.said);
  ok(await cli.run('both', 'merchant', 'give-back', channel, '2.5'));
  const first = await cli.run('winner', 'refresh');
  ok(first);
  assert.match(first.said, /opens a channel the other way/);
  assert.equal(back.parse(first.out).gaveBack, '0');
  cli.regtest.mine(6);
  const watched = cli.folder('watched');
  const second = await cli.run('winner', 'refresh', '--watch-to', watched);
  assert.deepEqual(back.parse(second.out), { gaveBack: '250000000', paidBack: '250000000', balance: '350000000' }, second.said);
  // Once it is open, no transaction is needed for more.
  ok(await cli.run('both', 'merchant', 'give-back', '10'));
  assert.deepEqual(back.parse((await cli.run('winner', 'refresh')).out), {
    gaveBack: '1000000000',
    paidBack: '1250000000',
    balance: '-650000000',
  });
  const [pair] = pairs.parse((await cli.run('both', 'merchant', 'channels')).out).channels;
  assert.deepEqual(pair, { ordered: '1250000000', paidBack: '1250000000', balance: '-650000000' });
  // The figures are of what was sold, not of what was paid back.
  const { merchant } = figures.parse((await cli.run('both', 'status')).out);
  assert.deepEqual([merchant.source, merchant.channels.open, merchant.capacity], ['the running merchant', 1, String(40n * DOGE)]);
  await serving.kill();
  // Payer and merchant are gone: a watcher takes what was paid back, before the merchant can have it again.
  const before = watching.parse((await cli.run('watcher', 'watch', watched, '--once')).out);
  assert.deepEqual([before.back.channels[0]?.total, before.sent, before.alarms], ['1250000000', [], []]);
  cli.regtest.mine((before.back.channels[0]?.closing ?? assert.fail()) - before.tip);
  const due = watching.parse((await cli.run('watcher', 'watch', watched, '--once')).out);
  assert.deepEqual(
    due.back.sent.map(({ outcome }) => outcome),
    ['accepted'],
  );
});
