import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { CommandLine } from './command-line.ts';

// Servers as people start them, asked as a browser asks for a page: it is the browser that says Host and Origin, whatever the page wants.

let cli: CommandLine;
/** By kind: where it listens. */
let urls: Readonly<Record<'chain' | 'merchant' | 'metrics', string>>;

before(async () => {
  cli = await CommandLine.open();
  const chain = await cli.serve('chain', 'chain', '--port', '0');
  const shop = ['--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0', '--host-name', 'shop.example', '--host-name', 'Shop.test'];
  const merchant = await cli.serve('merchant', 'merchant', ...shop);
  urls = {
    chain: z.object({ rpcUrl: z.string() }).parse(await chain.up).rpcUrl,
    merchant: z.object({ url: z.string() }).parse(await merchant.up).url,
    metrics: await merchant.note(/Figures are shown at (http\S+)\/metrics/),
  };
});
after(() => cli.close());

interface Asked {
  readonly path?: string;
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function ask(kind: keyof typeof urls, { path = '/', body, headers }: Asked): Promise<{ status: number | undefined; said: string }> {
  const sent = request(new URL(path, urls[kind]), { method: body === undefined ? 'GET' : 'POST', headers });
  sent.end(body);
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, said: await text(response) };
}

const port = (kind: keyof typeof urls): string => new URL(urls[kind]).port;
const rebound = (kind: keyof typeof urls): string => `evil.example:${port(kind)}`;

/** What a page can send without being asked first whether it may. */
const PLAIN = { 'content-type': 'text/plain;charset=UTF-8' };

async function height(): Promise<unknown> {
  const { said } = await ask('chain', { body: '{"method":"getblockcount"}', headers: PLAIN });
  return z.object({ result: z.number() }).parse(JSON.parse(said)).result;
}

describe('the test chain', () => {
  for (const [name, headers, status] of [
    ['a page of another site', () => ({ origin: 'https://evil.example' }), 403],
    ['a page of another server on this machine', () => ({ origin: 'http://127.0.0.1:1' }), 403],
    ['a page without an origin of its own, such as a file', () => ({ origin: 'null' }), 403],
    ['a page whose name has come to point here', () => ({ host: rebound('chain'), origin: `http://${rebound('chain')}` }), 421],
    ['the same, in a request that has no origin', () => ({ host: rebound('chain') }), 421],
    ['a name that begins like the address', () => ({ host: `127.0.0.1.evil.example:${port('chain')}` }), 421],
    ['an address on the net', () => ({ host: `192.0.2.1:${port('chain')}` }), 421],
    ['a page of another site, under the right name', () => ({ host: `localhost:${port('chain')}`, origin: 'https://evil.example' }), 403],
    ['a host that is none', () => ({ host: 'localhost/evil' }), 400],
  ] as const) {
    test(`mines nothing and does not stop for ${name}`, async () => {
      const at = await height();
      for (const body of ['{"method":"generate","params":[1]}', '{"method":"stop"}']) {
        assert.equal((await ask('chain', { body, headers: { ...PLAIN, ...headers() } })).status, status);
      }
      assert.equal(await height(), at);
    });
  }

  for (const [name, headers] of [
    ['curl and clients, whatever their content type', () => ({})],
    ['JSON', () => ({ 'content-type': 'application/json' })],
    ['localhost', () => ({ host: `localhost:${port('chain')}` })],
    ['another address of this machine', () => ({ host: `127.0.0.2:${port('chain')}` })],
    ['IPv6', () => ({ host: `[::1]:${port('chain')}` })],
    ['a tunnel from another port', () => ({ host: 'localhost:9' })],
    ['a page that it would have served itself', () => ({ origin: urls.chain })],
  ] as const) {
    test(`mines for ${name}`, async () => {
      const at = Number(await height());
      const body = '{"method":"generate","params":[1]}';
      assert.equal((await ask('chain', { body, headers: { ...PLAIN, ...headers() } })).status, 200);
      assert.equal(await height(), at + 1);
    });
  }
});

describe('figures', () => {
  test('are not for pages of other sites, by whatever name they come', async () => {
    for (const path of ['/metrics', '/figures']) {
      assert.equal((await ask('metrics', { path, headers: { host: rebound('metrics') } })).status, 421);
      assert.equal((await ask('metrics', { path, headers: { origin: 'https://evil.example' } })).status, 403);
      assert.equal((await ask('metrics', { path, headers: {} })).status, 200);
      assert.equal((await ask('metrics', { path, headers: { host: 'shop.example' } })).status, 200);
    }
  });
});

describe('a merchant on the loopback address', () => {
  test('answers to its address and to the names that it was told, as a proxy passes them on', async () => {
    const path = '/v1/offer';
    const refused = await ask('merchant', { path, headers: { host: rebound('merchant') } });
    assert.equal(refused.status, 421);
    assert.match(refused.said, /--host-name/);
    for (const host of [`127.0.0.1:${port('merchant')}`, 'localhost', 'shop.example', 'SHOP.example:443', 'shop.test']) {
      assert.equal((await ask('merchant', { path, headers: { host } })).status, 200, host);
    }
  });

  test('leaves it to CORS what pages of other sites read, as it is the same for all who ask', async () => {
    assert.equal((await ask('merchant', { path: '/v1/offer', headers: { origin: 'https://evil.example' } })).status, 200);
    const posted = await ask('merchant', { path: '/v1/channels', body: '{}', headers: { ...PLAIN, origin: 'https://evil.example' } });
    assert.equal(posted.status, 415, 'and what changes something is not sent without being asked for');
  });
});
