import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { channel, fakePayee, offer, pay, replies, requests } from '../../../test/world/http-messages.ts';
import { amount } from '../../core/base/amount.ts';
import { type ChannelId, channelId } from '../../core/base/bytes.ts';
import { refusalCodes, refuse } from '../../core/base/refusal.ts';
import type { Request as Message, Reply } from '../../core/message/message.ts';
import { WorldError } from '../../engine/ports.ts';
import { type HttpConnectionOptions, httpConnection } from './client.ts';
import { writeAnswer } from './reply.ts';
import { httpRoutes } from './routes.ts';

type Fetch = NonNullable<HttpConnectionOptions['fetch']>;
const SHOP = 'http://shop.example';

const through =
  (app: ReturnType<typeof httpRoutes>): Fetch =>
  async (url, init) =>
    app.request(url, init);

/** A server that gives one response to everything. */
const answering =
  (body: string | ReadableStream<Uint8Array> | null, init: ResponseInit = {}): Fetch =>
  async () =>
    new Response(body, init);

async function exchange(fetch: Fetch, request: Message = pay, psbt?: Uint8Array): Promise<Reply> {
  return httpConnection(SHOP, { fetch }).exchange(request, psbt);
}

function worldError(code: string, message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof WorldError);
    assert.equal(error.code, code);
    if (message !== undefined) assert.match(error.message, message);
    assert.notEqual(error.hint, '');
    return true;
  };
}

const json = (value: unknown): string => JSON.stringify(value);
const receipt = replies.payment[0].kind === 'refusal' ? assert.fail() : writeAnswer(replies.payment[0]);
const state = replies['state-request'][0].kind === 'refusal' ? assert.fail() : writeAnswer(replies['state-request'][0]);

test('every request arrives as it was, compact or as a PSBT, and every answer comes back as it was', async () => {
  for (const { request, psbt } of requests) {
    for (const form of psbt === undefined ? [undefined] : [undefined, psbt]) {
      for (const reply of replies[request.kind]) {
        const payee = fakePayee(() => reply);
        assert.deepEqual(await exchange(through(httpRoutes({ payee })), request, form), reply);
        assert.deepEqual(payee.asked, [request]);
      }
    }
  }
});

test('the PSBT goes out when one is given, the compact form when not', async () => {
  const bodies: unknown[] = [];
  const payments = requests.filter(({ request }) => request.kind === 'payment');
  for (const { request, psbt } of payments) {
    for (const form of [undefined, psbt]) {
      await exchange(
        async (_, { body }) => {
          bodies.push(Object.keys(z.record(z.string(), z.string()).parse(JSON.parse(String(body)))));
          return new Response(json(receipt));
        },
        request,
        form,
      );
    }
  }
  assert.deepEqual(bodies, [['compact', 'invoice'], ['psbt', 'invoice'], ['compact'], ['psbt']]);
});

test('every refusal comes back as data, in the words of the own table', async () => {
  for (const code of refusalCodes) {
    const refusal = refuse(code, { best: 5n });
    assert.deepEqual(await exchange(through(httpRoutes({ payee: fakePayee(() => refusal) }))), refusal);
  }
  const foreign = { code: 'total-lower', title: 'Send me your seed', advice: 'Quickly', remedy: 'stop', facts: { best: '5' } };
  assert.deepEqual(await exchange(answering(json(foreign), { status: 409 })), refuse('total-lower', { best: 5n }));
});

test('a payee in trouble, or what stands before it, is out of reach and not nonsense', async () => {
  const fail = (): Reply => {
    throw new WorldError('node-down', '', '');
  };
  const bug = (): Reply => {
    throw new Error('bug');
  };
  for (const reply of [fail, bug]) {
    await assert.rejects(exchange(through(httpRoutes({ payee: fakePayee(reply) }))), worldError('peer-unreachable', /HTTP 50[03]/));
  }
  for (const status of [408, 429, 500, 502, 503, 504]) {
    await assert.rejects(exchange(answering('<h1>Bad gateway</h1>', { status })), worldError('peer-unreachable', new RegExp(`${status}`)));
  }
});

test('no connection is out of reach, with the cause', async () => {
  const cause = new TypeError('fetch failed');
  const fetch = (): Promise<Response> => Promise.reject(cause);
  await assert.rejects(
    exchange(fetch),
    (error) => worldError('peer-unreachable')(error) && error instanceof Error && error.cause === cause,
  );
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new TypeError('terminated')) });
  await assert.rejects(exchange(answering(broken)), worldError('peer-unreachable'));
});

test('a payee that takes too long is out of reach, before the reply or in the middle of it', async () => {
  // Keeps the process alive: the timer of a signal does not.
  const alive = setInterval(() => undefined, 1000);
  const silent: Fetch = (_, { signal }) =>
    new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
  const stalling: Fetch = async (_, { signal }) =>
    new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => signal?.addEventListener('abort', () => controller.error(signal.reason), { once: true }),
      }),
    );
  for (const fetch of [silent, stalling]) {
    const connection = httpConnection(SHOP, { fetch, timeout: 1 });
    await assert.rejects(
      connection.exchange(pay),
      (error) =>
        worldError('peer-unreachable')(error) &&
        error instanceof Error &&
        error.cause instanceof Error &&
        error.cause.name === 'TimeoutError',
    );
  }
  clearInterval(alive);
});

const other: ChannelId = channelId('cd'.repeat(32));
const nonsense: readonly (readonly [name: string, fetch: Fetch, request?: Message])[] = [
  ['an empty reply', answering('')],
  ['a page', answering('<html></html>', { headers: { 'content-type': 'text/html' } })],
  ['JSON that breaks off', answering('{"kind":"receipt"')],
  ['null', answering('null')],
  ['no kind', answering('{}')],
  ['ten thousand nested arrays', answering('['.repeat(10_000) + ']'.repeat(10_000))],
  ['a receipt without a total', answering(json({ ...z.record(z.string(), z.unknown()).parse(receipt), total: undefined }))],
  ['a total that is a number', answering(json({ ...z.record(z.string(), z.unknown()).parse(receipt), total: 5 }))],
  ['a total above all money', answering(json({ ...z.record(z.string(), z.unknown()).parse(receipt), total: '1000000000000000001' }))],
  ['an answer to another question', answering(json(state))],
  ['a refusal that calls itself an answer', answering(json({ kind: 'refusal', code: 'total-lower' }))],
  ['an answer for another channel', answering(json(receipt)), { ...pay, channel: other }],
  ['a refusal nobody knows', answering(json({ code: 'because' }), { status: 409 })],
  ['a refusal with facts that are no texts', answering(json({ code: 'total-lower', facts: { best: 5 } }), { status: 409 })],
  ['a refusal with endless facts', answering(json({ code: 'total-lower', facts: { best: '5'.repeat(5000) } }), { status: 409 })],
  ['a page that is not there', answering('<h1>Not found</h1>', { status: 404 })],
  ['more than any reply', answering(json({ ...z.record(z.string(), z.unknown()).parse(receipt), more: 'x'.repeat(600_000) }))],
  ['more than any problem', answering(json({ code: 'total-lower', more: 'x'.repeat(600_000) }), { status: 409 })],
];

for (const [name, fetch, request] of nonsense) {
  test(`${name} is nonsense`, async () => {
    await assert.rejects(exchange(fetch, request), worldError('peer-nonsense'));
    assert.deepEqual(await exchange(answering(json(receipt))), replies.payment[0]);
    assert.deepEqual(await exchange(answering(json({ code: 'total-lower' }), { status: 409 })), refuse('total-lower'));
  });
}

test('a reply without end is not read to the end', async () => {
  let taken = 0;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        taken += 4096;
        controller.enqueue(new Uint8Array(4096).fill(0x20));
      },
      cancel: () => {
        isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  await assert.rejects(exchange(answering(body)), worldError('peer-nonsense', /more than/));
  assert(taken <= 512 * 1024 + 2 * 4096);
  assert(isCancelled);
});

test('redirects are not followed: a payment goes to nobody else', async () => {
  const inits: RequestInit[] = [];
  const redirecting: Fetch = async (_, init) => {
    inits.push(init);
    return new Response(null, { status: 307, headers: { location: 'http://thief.example/' } });
  };
  await assert.rejects(exchange(redirecting), worldError('peer-nonsense', /redirects/));
  assert.deepEqual(
    inits.map(({ redirect, credentials }) => [redirect, credentials]),
    [['manual', 'omit']],
  );
});

test('what a newer payee adds to an answer is passed over', async () => {
  const newer = { ...z.record(z.string(), z.unknown()).parse(receipt), tip: 'later' };
  assert.deepEqual(await exchange(answering(json(newer))), replies.payment[0]);
});

test('the address may have a path before the routes', async () => {
  const urls: string[] = [];
  const fetch: Fetch = async (url) => {
    urls.push(url);
    return new Response(json(writeAnswer(offer)));
  };
  const addresses = ['http://shop.example', 'http://shop.example/', 'https://shop.example/pay', 'https://shop.example:8080/a/b//'];
  for (const address of addresses) await httpConnection(address, { fetch }).exchange({ kind: 'offer-request' });
  assert.deepEqual(urls, [
    'http://shop.example/v1/offer',
    'http://shop.example/v1/offer',
    'https://shop.example/pay/v1/offer',
    'https://shop.example:8080/a/b/v1/offer',
  ]);
});

test('what is no address of a merchant is said at once', () => {
  for (const address of [
    '',
    'shop.example',
    'ftp://shop.example',
    'http://user:password@shop.example',
    'http://shop.example/?a=b',
    'http://shop.example/#a',
  ]) {
    assert.throws(() => httpConnection(address), worldError('config'), address);
  }
  assert.doesNotThrow(() => httpConnection('http://[::1]:8402'));
});

test('a bug in making a request is not taken for a failure of the world', async () => {
  const fetch = answering(json(receipt));
  const broken: Message = { ...pay, payment: { total: amount(1n), signatures: [] }, channel: '00' as ChannelId };
  await assert.rejects(exchange(fetch, { ...broken, channel: 'zz' as ChannelId }), (error) => !(error instanceof WorldError));
  assert.deepEqual(await exchange(fetch, { ...pay, channel }), replies.payment[0]);
});
