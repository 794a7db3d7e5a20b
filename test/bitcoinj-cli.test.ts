import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { txId } from '../src/core/base/bytes.ts';
import { decodeBitcoinj } from '../src/core/message/bitcoinj/decode.ts';
import { encodeBitcoinj } from '../src/core/message/bitcoinj/encode.ts';
import { connectTcp } from '../src/transport/tcp/connect.ts';
import { CommandLine, type Ran } from './command-line.ts';

const DOGE = 100_000_000n;
let cli: CommandLine;

before(async () => {
  cli = await CommandLine.open();
});
after(() => cli.close());

/** A payer's command. */
function pawment(...words: readonly string[]): Promise<Ran> {
  return cli.run('payer', ...words);
}

/** A merchant that delivers at once: where it serves its payers, and at which port those of bitcoinj. */
async function openShop(folder: string = 'merchant'): Promise<{ readonly url: string; readonly bitcoinj: number }> {
  const words = ['--listen', '127.0.0.1:0', '--bitcoinj', ':0', '--price', 'tea=0.1', '--unconfirmed', '5', '--exposure', '50'];
  const shop = await cli.serve(folder, 'merchant', ...words);
  return z.object({ url: z.string(), bitcoinj: z.int() }).parse(await shop.up);
}

/** Makes a payer with coins of its own. */
async function fillWallet(payer: string): Promise<void> {
  assert.equal((await cli.run(payer, 'wallet', 'init')).code, 0);
  const { address } = z.object({ address: z.string() }).parse((await cli.run(payer, 'wallet', 'address')).out);
  cli.regtest.fund(address, amount(500n * DOGE));
  cli.regtest.mine(1);
}

const refused = z.object({ error: z.string(), message: z.string(), advice: z.string() });

const paid = z.object({
  channel: z.string(),
  contract: z.string(),
  state: z.string(),
  paid: z.coerce.bigint(),
  paidNow: z.coerce.bigint(),
  opening: z.coerce.bigint().optional(),
  payments: z.int(),
  settlement: z.string().optional(),
});

test('bitcoinj’s protocol on the command line, at both ends', async () => {
  const { url, bitcoinj } = await openShop();
  const server = `127.0.0.1:${bitcoinj}`;
  await fillWallet('payer');

  const opened = await pawment('pay', '--bitcoinj', server, '--deposit', '10', '--amount', '0.1', '--max', '0.1', '--info', 'tea');
  assert.equal(opened.code, 0, JSON.stringify(opened));
  assert.match(opened.said, /is open\nanswer: tea for 0\.1\n/);
  const first = paid.parse(opened.out);
  assert.deepEqual([first.contract, first.state, first.payments], ['cltv-time', 'open', 1]);
  assert.deepEqual([first.paidNow, first.paid], [first.paid, (first.opening ?? 0n) + DOGE / 10n], 'the opening payment counts');

  const short = await pawment('pay', '--bitcoinj', server, '--amount', '0.05', '--info', 'tea', '--times', '20');
  assert.match(short.said, /continues\nanswer: tea for 0\.1; got 0\.05 DOGE only\n/);
  const second = paid.parse(short.out);
  assert.deepEqual([second.channel, second.paidNow, second.paid], [first.channel, DOGE, first.paid + DOGE]);

  const again = await pawment('pay', '--bitcoinj', server, '--deposit', '10');
  assert.match(again.said, /continues, with its present deposit\n/);

  const last = paid.parse((await pawment('pay', '--bitcoinj', server, '--settle')).out);
  const settlement = txId(last.settlement ?? assert.fail('no settlement'));
  assert.ok(cli.regtest.mempool().includes(settlement));
  cli.regtest.mine(61);
  // Reads the chain.
  await pawment('wallet', 'balance');
  const ended = z.object({ channel: z.string(), state: z.string(), returned: z.coerce.bigint() });
  const { channels } = z.object({ channels: z.array(ended) }).parse((await pawment('channels')).out);
  assert.deepEqual(channels, [{ channel: first.channel, state: 'ended', returned: 10n * DOGE - last.paid }]);

  const nothing = await pawment('pay', '--bitcoinj', server, '--amount', '0.1');
  assert.equal(nothing.code, 1, 'without a deposit there is no new channel');

  assert.match(await greeted(bitcoinj), /^server-version/);
  const isOver = new AbortController();
  const flood = Promise.all(Array.from({ length: 20 }, () => ask(`${url}/v1/nothing`, isOver.signal)));
  let said = '';
  // Less than would use up a share of its own.
  for (let i = 0; i < 200 && !said.startsWith('error'); i++) said = await greeted(bitcoinj);
  isOver.abort();
  await flood;
  assert.match(said, /^error OTHER Too many requests/, 'HTTP and bitcoinj share what an address may ask for');
});

/** Asks again and again until the signal is given. */
async function ask(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await (await fetch(url)).text();
}

/** What a merchant says first to a client of bitcoinj that asks for a channel. */
async function greeted(port: number): Promise<string> {
  const line = await connectTcp('127.0.0.1', port);
  try {
    await line.send(encodeBitcoinj({ kind: 'client-version', major: 2, minor: 0 }));
    for await (const body of line.frames) {
      const message = decodeBitcoinj(body);
      return message.kind === 'error' ? `error ${message.code} ${message.explanation}` : message.kind;
    }
    return '';
  } finally {
    await line.close();
  }
}

test('a refusal half-way: what was paid before is told, the line is hung up, and the advice fits a channel of one deposit', async () => {
  const server = `127.0.0.1:${(await openShop('small')).bitcoinj}`;
  await fillWallet('half');
  const opened = paid.parse((await cli.run('half', 'pay', '--bitcoinj', server, '--deposit', '10', '--max', '1')).out);
  assert.deepEqual([opened.payments, opened.paidNow], [0, opened.opening]);
  assert.ok(opened.paidNow > 0n);
  cli.regtest.mine(6);

  const { code, out, said } = await cli.run('half', 'pay', '--bitcoinj', server, '--amount', '3', '--times', '5');
  assert.equal(code, 1);
  assert.match(said, /\n9 DOGE were paid before this, and stay paid\.\n$/);
  const { error, advice } = refused.parse(out);
  assert.equal(error, 'total-above-capacity');
  assert.doesNotMatch(advice, /add a deposit/i);
  assert.match(advice, /--settle, and then with --deposit/);
});

test('a flag that is of no use where it stands is refused by name, before anything is done', async () => {
  const { code, out } = await cli.run('nobody', 'pay', '--bitcoinj', '127.0.0.1:1', '--item', 'tea');
  assert.deepEqual([code, refused.parse(out).error], [2, 'config']);
  assert.match(refused.parse(out).message, /^--item /);
});

test('a payer whose server is no address is not told to listen', async () => {
  const { code, out } = await pawment('pay', '--bitcoinj', 'nowhere', '--amount', '1');
  assert.equal(code, 2);
  assert.doesNotMatch(refused.parse(out).message, /listen/);
});

test('a merchant of bitcoinj’s payers is not told to use TLS, which they do not speak', async () => {
  const { code, out } = await cli.run('public', 'merchant', '--bitcoinj', '0.0.0.0:4242');
  const { message, advice } = refused.parse(out);
  assert.equal(code, 2);
  assert.match(message, /plain TCP/);
  assert.doesNotMatch(advice, /TLS proxy/);
  assert.match(advice, /ssh or a VPN/);
});

test('a port where nobody listens is said to be none', async () => {
  const { code, said } = await cli.stopped(/Waiting for/, 'payer', 'pay', '--bitcoinj', '127.0.0.1:1', '--amount', '0.1');
  assert.equal(code, 130);
  assert.match(said, /Waiting for the merchant: Nothing listens at 127\.0\.0\.1:1\. Start the merchant/);
});
