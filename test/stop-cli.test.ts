import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { asChain } from '../src/chain/regtest/port.ts';
import { amount } from '../src/core/base/amount.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { scriptOf } from '../src/core/tx/address.ts';
import { verifyPortable as verify } from '../src/core/tx/sign.ts';
import { fastestSigner } from '../src/engine/signer.ts';
import { type Merchant, openMerchant } from '../src/merchant/merchant.ts';
import { defaultTerms } from '../src/merchant/terms.ts';
import { memoryStore } from '../src/store/memory.ts';
import { type HttpServer, serveMerchant } from '../src/transport/http/serve.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import { CommandLine } from './command-line.ts';

const DOGE = 100_000_000n;
const TEA = DOGE / 10n;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

const told = z.object({ error: z.literal('stopped'), message: z.string(), advice: z.string(), facts: z.record(z.string(), z.unknown()) });
const shown = z.object({ channel: z.string(), state: z.string(), paid: z.string() });

let cli: CommandLine;
let merchant: Merchant;
let shop: HttpServer;

before(async () => {
  cli = await CommandLine.open();
  merchant = openMerchant({
    ...{ chain: asChain(cli.regtest), verify, clock: { now: Date.now }, random, store: memoryStore() },
    keys: seedKeyRing(coin, random.bytes(32), fastestSigner()),
    identity: random.bytes(16),
    terms: defaultTerms(coin),
    prices: new Map([['tea', { text: 'A cup of tea', price: amount(TEA) }]]),
    payeeScript: scriptOf(coin, cli.regtest.newAddress()) ?? assert.fail(),
  });
  await merchant.engine.follower.poll();
  shop = await serveMerchant(merchant, { onError: (error) => assert.fail(String(error)) });
});

afterAll(async () => {
  await shop.close();
  await cli.close();
});

/** A way to the shop on which the answer to one payment never comes. */
async function waylaid(
  holds: number,
): Promise<{ readonly url: string; readonly held: Promise<void>; readonly close: () => Promise<void> }> {
  let payments = 0;
  let hold = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    hold = resolve;
  });
  const server = createServer(async (request, response) => {
    const asked = await text(request);
    const { method = 'GET', url = '/', headers } = request;
    const { authorization = '' } = headers;
    const sent = { 'content-type': 'application/json', ...(authorization !== '' && { authorization }) };
    const answer = await fetch(shop.url + url, { method, headers: sent, ...(asked !== '' && { body: asked }) });
    const body = await answer.text();
    if (url.endsWith('/payments') && ++payments === holds) hold();
    else response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return assert.fail();
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
  return { url: `http://127.0.0.1:${bound.port}`, held, close };
}

test('who stops open and pay by Ctrl-C is told what has happened and how to go on, and going on so loses nothing', async () => {
  const way = await waylaid(4);
  try {
    await cli.run('payer', 'wallet', 'init');
    const { out } = await cli.run('payer', 'wallet', 'address');
    cli.regtest.fund(z.object({ address: z.string() }).parse(out).address, amount(60n * DOGE));
    cli.regtest.mine(1);

    const opening = await cli.stopped(/waiting: /, 'payer', 'open', way.url, '--deposit', '50');
    const open = told.parse(opening.out);
    assert.equal(opening.code, 130, opening.said);
    assert.match(open.message, /^Stopped\. 50 DOGE are in channel [0-9a-f]{64}\.$/);
    const [, resume = ''] = /^Go on with: pawment (open --resume [0-9a-f]{16})$/.exec(open.advice) ?? [];
    cli.regtest.mine(3);
    await merchant.engine.follower.poll();
    const resumed = await cli.run('payer', ...resume.split(' '));
    assert.equal(shown.parse(resumed.out).channel, open.facts['channel']);

    const paying = await cli.stopped(way.held, 'payer', 'pay', '--item', 'tea', '--times', '10');
    const paid = told.parse(paying.out);
    assert.equal(paying.code, 130, paying.said);
    const first = BigInt(String(paid.facts['paidNow']));
    const { unanswered } = z.object({ unanswered: z.coerce.bigint() }).parse(paid.facts);
    assert.deepEqual([paid.facts['payments'], paid.facts['channel']], [3, open.facts['channel']]);
    assert.match(paid.message, /^Stopped after 3 of 10 payments, .* One more of 0\.1 DOGE has got no answer: it may have arrived\.$/);
    assert.match(paid.advice, /^The same command with --times 7 pays the rest\. It sends that one again first/);
    const rest = await cli.run('payer', 'pay', '--item', 'tea', '--times', '7');
    assert.equal(rest.code, 0, rest.said);
    const { paidNow } = z.object({ paidNow: z.coerce.bigint() }).parse(rest.out);
    assert.deepEqual([unanswered, first + paidNow], [TEA, 10n * TEA]);
  } finally {
    await way.close();
  }
});
