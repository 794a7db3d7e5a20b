import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { CommandLine } from './command-line.ts';
import { fund, holding, openShop, TEA, type TestShop } from './shop.ts';

const DOGE = 100_000_000n;

const told = z.object({ error: z.literal('stopped'), message: z.string(), advice: z.string(), facts: z.record(z.string(), z.unknown()) });
const shown = z.object({ channel: z.string(), state: z.string(), paid: z.string() });
const opened = z.object({ channel: z.string() });
const balance = z.object({ confirmed: z.coerce.bigint() });
const isPayment = ({ url }: { readonly url: string }): boolean => url.endsWith('/payments');
const isSending = ({ body }: { readonly body: string }): boolean => body.includes('"sendrawtransaction"');

let cli: CommandLine;
let shop: TestShop;

before(async () => {
  cli = await CommandLine.open();
  shop = await openShop(cli);
});

afterAll(async () => {
  await shop.close();
  await cli.close();
});

/** Makes a payer with coins of its own. */
async function filled(folder: string): Promise<void> {
  assert.equal((await cli.run(folder, 'wallet', 'init')).code, 0);
  await fund(cli, folder, 60n);
}

test('who stops open and pay by Ctrl-C is told what has happened and how to go on, and going on so loses nothing', async () => {
  let payments = 0;
  const way = await holding(shop.url, (request) => isPayment(request) && ++payments === 4);
  try {
    await filled('payer');
    const opening = await cli.stopped(/waiting: /, 'payer', 'open', way.url, '--deposit', '50');
    const open = told.parse(opening.out);
    assert.equal(opening.code, 130, opening.said);
    assert.match(open.message, /^Stopped\. 50 DOGE are in channel [0-9a-f]{64}\.$/);
    const [, resume = ''] = /^Continue with: pawment (open --resume [0-9a-f]{16})$/.exec(open.advice) ?? [];
    await shop.mine(3);
    const resumed = await cli.run('payer', ...resume.split(' '));
    assert.equal(shown.parse(resumed.out).channel, open.facts['channel']);

    const paying = await cli.stopped(way.held, 'payer', 'pay', '--item', 'tea', '--times', '10');
    const paid = told.parse(paying.out);
    assert.equal(paying.code, 130, paying.said);
    const first = BigInt(String(paid.facts['paidNow']));
    const { unanswered } = z.object({ unanswered: z.coerce.bigint() }).parse(paid.facts);
    assert.deepEqual([paid.facts['payments'], paid.facts['channel']], [3, open.facts['channel']]);
    assert.match(paid.message, /^Stopped after 3 of 10 payments, .* One more payment, of 0\.1 DOGE, got no answer: it may have arrived\.$/);
    assert.match(paid.advice, /^The same command with --times 7 pays the rest\. It sends that one again first/);
    const rest = await cli.run('payer', 'pay', '--item', 'tea', '--times', '7');
    assert.equal(rest.code, 0, rest.said);
    const { paidNow } = z.object({ paidNow: z.coerce.bigint() }).parse(rest.out);
    assert.deepEqual([unanswered, first + paidNow], [TEA, 10n * TEA]);
  } finally {
    await way.close();
  }
});

test('who stops recover is told how far it has searched, and the same command goes on from there', async () => {
  await filled('searched');
  const made = await cli.run('searched', 'open', shop.url, '--deposit', '50', '--no-wait');
  await shop.mine(210);
  const words = z.object({ mnemonic: z.string() }).parse((await cli.run('searched', 'wallet', 'words')).out).mnemonic;
  assert.equal((await cli.tell(words, 'searching', 'wallet', 'restore', '--birthday', '1390')).code, 0);
  const { held, url, close } = await holding(cli.node.url, ({ body }) => body.includes('"getblockhash"') && /\b1560\b/.test(body));
  try {
    const stopped = await cli.stopped(held, 'searching', 'recover', '--rpc-url', url);
    const { message, advice } = told.parse(stopped.out);
    assert.equal(stopped.code, 130, stopped.said);
    assert.match(message, /^Stopped at block 14\d\d of \d+\.$/);
    assert.equal(advice, 'The progress is stored, and nothing was sent: the same command continues from there.');
  } finally {
    await close();
  }
  const { out } = await cli.run('searching', 'recover');
  const { channels } = z.object({ channels: z.array(opened) }).parse(out);
  assert.deepEqual(channels, [{ channel: opened.parse(made.out).channel }]);
});

for (const [command, ...words] of [['send', '10'], ['sweep']] as const) {
  test(`who stops wallet ${command} is told what is signed, and it is not lost: any command sends it`, async () => {
    const folder = `wallet-${command}`;
    await filled(folder);
    const before = balance.parse((await cli.run(folder, 'wallet', 'balance')).out).confirmed;
    const early = await holding(cli.node.url, ({ body }) => body.includes('"getblock'));
    const sending = await holding(cli.node.url, isSending);
    const order = ['wallet', command, cli.regtest.newAddress(), ...words];
    try {
      const nothing = await cli.stopped(early.held, folder, ...order, '--rpc-url', early.url);
      assert.deepEqual([nothing.code, told.parse(nothing.out).message], [130, 'Stopped. Nothing was paid or sent.']);
      const stopped = await cli.stopped(sending.held, folder, ...order, '--rpc-url', sending.url);
      const { message, advice, facts } = told.parse(stopped.out);
      const { txids } = z.object({ txids: z.array(z.string()) }).parse(facts);
      assert.deepEqual([stopped.code, message, txids.length], [130, `Stopped. Signed and on its way: ${txids.join(', ')}.`, 1]);
      assert.match(advice, /do not send it a second time/);
    } finally {
      await early.close();
      await sending.close();
    }
    cli.regtest.mine(1);
    const after = balance.parse((await cli.run(folder, 'wallet', 'balance')).out).confirmed;
    assert.ok(command === 'send' ? after < before - 10n * DOGE && after > before - 11n * DOGE : after === 0n, `${after}`);
  });
}

/** Opens a channel that takes payments. @returns its id. */
async function open(folder: string, url: string): Promise<string> {
  await filled(folder);
  const { channel } = opened.parse((await cli.run(folder, 'open', url, '--deposit', '50', '--no-wait')).out);
  await shop.mine(3);
  assert.equal((await cli.run(folder, 'open', '--resume', channel)).code, 0);
  return channel;
}

test('who stops close is told that the channel is ending, and the same command ends it', async () => {
  let ends = 0;
  const way = await holding(shop.url, ({ url }) => url.endsWith('/end') && ++ends === 1);
  try {
    const channel = await open('closing', way.url);
    const stopped = await cli.stopped(way.held, 'closing', 'close', channel);
    const { message, advice, facts } = told.parse(stopped.out);
    assert.deepEqual([stopped.code, facts['channel'], facts['state']], [130, channel, 'ending']);
    assert.match(message, new RegExp(`^Stopped\\. Channel ${channel} is ending`));
    const [, again = ''] = / pawment (close [0-9a-f]{16}) --wait$/.exec(advice) ?? [];
    const closed = await cli.run('closing', ...again.split(' '));
    assert.equal(closed.code, 0, JSON.stringify(closed.out) + closed.said);
    assert.equal(shown.parse(closed.out).channel, channel);
  } finally {
    await way.close();
  }
});

test('who stops merchant close is told that the order stands, and a merchant carries it out', async () => {
  // A node that does not answer keeps the merchant from getting on.
  const deaf = await holding(cli.node.url, isSending);
  const sell = ['merchant', '--price', 'tea=0.1', '--listen'];
  const first = await cli.serve('own-shop', ...sell, '127.0.0.1:0', '--rpc-url', deaf.url);
  const { url } = z.object({ url: z.string() }).parse(await first.up);
  const channel = await open('customer', url);
  assert.equal((await cli.run('customer', 'pay', channel, '--item', 'tea')).code, 0);
  const stopped = await cli.stopped(deaf.held, 'own-shop', 'merchant', 'close', channel);
  const { message, advice, facts } = told.parse(stopped.out);
  assert.deepEqual([stopped.code, message, facts], [130, 'Stopped. The order to close is stored.', { ordered: [channel] }]);
  assert.match(advice, /pawment merchant channels/);
  await first.kill();
  await deaf.close();

  await cli.serve('own-shop', ...sell, new URL(url).host);
  const closed = await cli.run('own-shop', 'merchant', 'close', channel);
  assert.deepEqual([closed.code, shown.omit({ paid: true }).parse(closed.out)], [0, { channel, state: 'closing' }], closed.said);
});

test('Ctrl-C at a question stops the command as anywhere else', async () => {
  const channel = await open('asked', shop.url);
  const paying = await cli.atTerminal('\u0003', 'asked', 'pay', channel, '--item', 'tea');
  assert.deepEqual([paying.code, told.parse(paying.out).facts], [130, { channel, payments: 0, paidNow: '0' }]);
  assert.equal(shown.parse((await cli.run('asked', 'show')).out).paid, '0');
});

test('and so it does where a passphrase is asked for, which opens nothing then', async () => {
  const words = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
  const other = ['--coin', 'dogecoin-test'];
  assert.equal((await cli.tell(words, 'sealed', 'wallet', 'restore', ...other)).code, 0);
  const stopped = await cli.atPassphrase('\u0003', 'sealed', 'wallet', 'words', ...other);
  assert.deepEqual([stopped.code, told.parse(stopped.out).message], [130, 'Stopped. Nothing was paid or sent.']);
  const typed = await cli.atPassphrase('much secret', 'sealed', 'wallet', 'words', ...other);
  assert.deepEqual(typed.out, { mnemonic: words });
});
