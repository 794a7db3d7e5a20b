import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { CommandLine, type Ran } from './command-line.ts';
import { documented } from './json-page.ts';
import { fund } from './shop.ts';

const DOGE = 100_000_000n;
const up = z.object({ url: z.string() });
const address = z.object({ address: z.string() });
const opened = z.object({ channel: z.string() });
const refused = z.object({ error: z.string() });
const paid = z.object({
  ...{ payments: z.number(), paidNow: z.string(), fees: z.string() },
  proofs: z.array(z.object({ invoice: z.string(), preimage: z.string().regex(/^[0-9a-f]{64}$/) })),
});
const listed = z.object({
  channels: z.array(z.object({ state: z.string(), payee: z.string(), pending: z.number() })),
  opening: z.array(z.object({ url: z.string(), refusal: z.string().optional() })),
});
const underWay = z.object({ facts: z.object({ underWay: z.string() }) });
const stage = z.object({ state: z.string() });
const sold = z.object({ channels: z.array(z.object({ total: z.string() })) });

function ok({ code, out, said }: Ran): void {
  assert.equal(code, 0, said + JSON.stringify(out));
}

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.close());

const FEES = ['--fee-base', '0.01', '--fee-thousandths', '10'] as const;

/** A road to a merchant on which payments can be stopped. */
async function openRoad(merchant: string) {
  const road = { url: '', takesPayments: true };
  const server = createServer(async (asked, answer) => {
    if (!road.takesPayments && asked.url?.endsWith('/payments') === true) return void answer.writeHead(503).end();
    const { method = 'GET', headers } = asked;
    const body = method === 'GET' ? {} : { body: await text(asked) };
    const { 'content-type': type = 'application/json', authorization = '' } = headers;
    const reply = await fetch(merchant + (asked.url ?? ''), { method, headers: { 'content-type': type, authorization }, ...body });
    answer.writeHead(reply.status, { 'content-type': reply.headers.get('content-type') ?? '' }).end(await reply.text());
  });
  server.unref();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  road.url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : assert.fail()}`;
  return road;
}

async function urlOf(serving: { readonly up: Promise<unknown> }): Promise<string> {
  return up.parse(await serving.up).url;
}

test('a payer pays a merchant through a hub, and the hub may be killed and started again meanwhile', async () => {
  const selling = await cli.serve('shop', 'merchant', '--listen', '127.0.0.1:0', '--price', 'tea=2', '--via-hubs');
  const road = await openRoad(await urlOf(selling));
  const shop = road.url;
  const first = await cli.serve('hub', 'hub', '--listen', '127.0.0.1:0', ...FEES);
  const hub = up.parse(documented('hub', await first.up)).url;
  const wallet = address.parse((await cli.run('hub', 'wallet', 'address', '--merchant')).out).address;
  cli.regtest.fund(wallet, amount(500n * DOGE));
  ok(await cli.run('payer', 'wallet', 'init'));
  await fund(cli, 'payer', 500n);
  cli.regtest.mine(1);
  const made = await cli.run('payer', 'open', hub, '--deposit', '100', '--no-wait');
  ok(made);
  const { channel } = opened.parse(made.out);
  const ordered = await cli.run('hub', 'hub', 'open', shop, '--deposit', '100', '--no-wait');
  assert.deepEqual([ordered.code, stage.parse(documented('hub open', ordered.out)).state], [0, 'funding'], ordered.said);
  cli.regtest.mine(6);
  const ready = await cli.run('hub', 'hub', 'open', shop);
  assert.deepEqual([ready.code, stage.parse(ready.out).state], [0, 'open'], ready.said);
  const { channels, opening } = listed.parse(documented('hub channels', (await cli.run('hub', 'hub', 'channels')).out));
  assert.deepEqual([channels, opening], [[{ state: 'open', payee: shop, pending: 0 }], []]);
  ok(await cli.run('payer', 'open', '--resume', channel));

  const bought = await cli.run('payer', 'pay', shop, '--item', 'tea', '--via', hub, '--max', '3', '--times', '2');
  ok(bought);
  const { payments, paidNow, fees, proofs } = paid.parse(documented('pay --via', bought.out));
  const fee = DOGE / 100n + (2n * DOGE) / 100n;
  assert.deepEqual([payments, paidNow, fees, proofs.length], [2, String(2n * (2n * DOGE + fee)), String(2n * fee), 2]);
  const tooMuch = await cli.run('payer', 'pay', shop, '--item', 'tea', '--via', hub, '--max', '2');
  assert.deepEqual([tooMuch.code, refused.parse(tooMuch.out).error], [1, 'price-too-high']);

  // The hub can't reach the merchant; payer and hub are stopped, and started again.
  road.takesPayments = false;
  const stopped = await cli.stopped(/is under way/, 'payer', 'pay', shop, '--item', 'tea', '--via', hub, '--max', '3');
  assert.deepEqual([stopped.code, underWay.parse(stopped.out).facts.underWay], [130, String(2n * DOGE + fee)], stopped.said);
  await first.kill();
  road.takesPayments = true;
  const paying = cli.run('payer', 'pay', shop, '--item', 'tea', '--via', hub, '--max', '3');
  await cli.serve('hub', 'hub', '--listen', new URL(hub).host, ...FEES);
  const again = await paying;
  ok(again);
  assert.equal(paid.parse(again.out).payments, 1);
  const sum = paid.parse((await cli.run('payer', 'pay', shop, '--item', 'tea', '--via', hub, '--max', '3')).out);
  assert.equal(sum.paidNow, String(2n * DOGE + fee));
  // The hub settles with the merchant at its next look. Four cups, each paid once.
  const total = async (): Promise<string | undefined> => sold.parse((await cli.run('shop', 'merchant', 'channels')).out).channels[0]?.total;
  let seen = await total();
  while (seen !== String(8n * DOGE) && BigInt(seen ?? 0) < 8n * DOGE) seen = await total();
  assert.equal(seen, String(8n * DOGE));
});

test('a hub opens no channel to a merchant in whose channels nothing can be pending', async () => {
  const plain = await urlOf(await cli.serve('plain', 'merchant', '--listen', '127.0.0.1:0', '--price', 'tea=2'));
  const asked = await cli.run('hub', 'hub', 'open', plain, '--deposit', '10');
  assert.deepEqual([asked.code, refused.parse(asked.out).error], [1, 'contract-unfit']);
});
