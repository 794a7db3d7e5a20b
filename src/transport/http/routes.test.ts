import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64, base64urlnopad } from '@scure/base';
import fc from 'fast-check';
import { z } from 'zod';
import { announce, channel, end, fakePayee, offer, pay, replies, requests } from '../../../test/world/http-messages.ts';
import { bytesToHex } from '../../core/base/bytes.ts';
import { type Refusal, refusalCodes, refuse } from '../../core/base/refusal.ts';
import { encodeAnnounce, encodeEnd, encodePay } from '../../core/message/compact.ts';
import { offerJson } from '../../core/message/json.ts';
import type { Reply } from '../../core/message/message.ts';
import { MAX_PSBT_BYTES } from '../../core/message/psbt-codec.ts';
import { WorldError } from '../../engine/ports.ts';
import { bodyBytesFor } from './endpoints.ts';
import { readRefusal } from './problem.ts';
import { MOST_UNDECLARED } from './read-body.ts';
import { answerForms, writeAnswer } from './reply.ts';
import { httpRoutes } from './routes.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const PAYMENTS = `/v1/channels/${channel}/payments`;
const END = `/v1/channels/${channel}/end`;
const INVOICES = `/v1/channels/${channel}/invoices`;
const COMPACT = bytesToHex(encodePay(pay));

const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string().optional(),
  detail: z.string().optional(),
});

async function post(app: ReturnType<typeof httpRoutes>, path: string, body: unknown): Promise<Response> {
  return app.request(path, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
}

async function problemOf(response: Response): Promise<z.infer<typeof problem>> {
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  const read = problem.parse(await response.json());
  assert.equal(read.status, response.status);
  return read;
}

const psbtOf = (kind: string): string => base64.encode(requests.find(({ request }) => request.kind === kind)?.psbt ?? assert.fail());
const offered = z.encode(offerJson, offer);

/** Every way to say each message, with what the payee is to hear. */
const said = [
  ['GET', '/v1/offer', undefined, { kind: 'offer-request' }],
  ['GET', `/v1/channels/${channel}`, undefined, { kind: 'state-request', channel }],
  ['POST', INVOICES, { item: 'tea' }, { kind: 'invoice-request', channel, item: 'tea' }],
  ['POST', '/v1/channels', { offer: offered, compact: bytesToHex(encodeAnnounce(announce)) }, announce],
  ['POST', '/v1/channels', { offer: offered, compact: base64urlnopad.encode(encodeAnnounce(announce)) }, announce],
  ['POST', '/v1/channels', { offer: offered, psbt: psbtOf('announce') }, announce],
  ['POST', PAYMENTS, { compact: COMPACT, invoice: pay.invoice }, pay],
  ['POST', PAYMENTS, { compact: base64urlnopad.encode(encodePay(pay)), invoice: pay.invoice }, pay],
  ['POST', PAYMENTS, { compact: COMPACT }, { kind: 'payment', channel, payment: pay.payment }],
  ['POST', PAYMENTS, { psbt: psbtOf('payment'), invoice: pay.invoice }, pay],
  ['POST', PAYMENTS, { psbt: psbtOf('payment') }, { kind: 'payment', channel, payment: pay.payment }],
  ['POST', END, { compact: bytesToHex(encodeEnd(end)) }, end],
  ['POST', END, { compact: base64urlnopad.encode(encodeEnd(end)) }, end],
  ['POST', END, { psbt: psbtOf('end') }, end],
] as const;

test('every route carries its message to the payee in every form, and each of its answers back', async () => {
  for (const [method, path, body, expected] of said) {
    for (const reply of replies[expected.kind]) {
      const payee = fakePayee(() => reply);
      const init = body === undefined ? { method } : { method, headers: JSON_TYPE, body: JSON.stringify(body) };
      const response = await httpRoutes({ payee }).request(path, init);
      assert.deepEqual(payee.asked, [expected]);
      if (reply.kind === 'refusal') return assert.fail();
      assert.equal(response.status, answerForms[reply.kind].status);
      assert.equal(response.headers.get('content-type'), 'application/json');
      assert.equal(response.headers.get('cache-control'), 'no-store');
      assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(writeAnswer(reply))));
    }
  }
});

test('statuses of the answers: new things 201, waiting 202, all else 200', () => {
  const statuses = Object.fromEntries(Object.entries(answerForms).map(([kind, { status }]) => [kind, status]));
  assert.deepEqual(statuses, {
    offer: 200,
    accepted: 201,
    provisional: 202,
    quote: 200,
    invoice: 201,
    receipt: 200,
    state: 200,
    ended: 200,
    forwarded: 200,
    asks: 200,
    joined: 200,
  });
});

test('every refusal becomes a problem that a reader turns back into the same refusal', async () => {
  for (const code of refusalCodes) {
    const refusal = refuse(code, { best: 5n, signatures: 'ab'.repeat(64) });
    const response = await post(httpRoutes({ payee: fakePayee(() => refusal) }), PAYMENTS, { compact: COMPACT });
    const json: unknown = await response.clone().json();
    const { type, title, detail } = await problemOf(response);
    assert.deepEqual([type, title, detail], [`urn:pawment:refusal:${code}`, refusal.message, `${refusal.message} (best: 5)`]);
    assert.deepEqual(readRefusal(json), refusal);
    assert(response.status >= 400 && response.status < 500 && response.status !== 402, `${code} ${response.status}`);
    assert.equal(response.headers.has('retry-after'), refusal.remedy === 'wait');
  }
});

test('a refusal that knows how long to wait says so where HTTP looks for it', async () => {
  const after = async (refusal: Refusal): Promise<string | null> =>
    (await post(httpRoutes({ payee: fakePayee(() => refusal) }), PAYMENTS, { compact: COMPACT })).headers.get('retry-after');
  assert.equal(await after(refuse('exposure-full', { exposure: 3n, most: 2n, blocks: 3, seconds: 180 })), '180');
  assert.equal(await after(refuse('funding-missing')), '30');
  assert.equal(await after(refuse('total-lower', { seconds: 180 })), null);
});

test('the status of a refusal follows its remedy, or says more', async () => {
  const expected = {
    'signature-wrong': 400,
    'total-above-capacity': 409,
    'total-lower': 409,
    'funding-spent': 409,
    'channel-ended': 410,
    'funding-reorganised': 425,
    'channel-unknown': 404,
    'invoice-unknown': 404,
    'item-unknown': 404,
    'message-too-large': 413,
    unauthorised: 403,
  };
  const statuses: Record<string, number> = {};
  for (const code of refusalCodes.filter((one) => Object.hasOwn(expected, one))) {
    statuses[code] = (await post(httpRoutes({ payee: fakePayee(() => refuse(code)) }), PAYMENTS, { compact: COMPACT })).status;
  }
  assert.deepEqual(statuses, expected);
});

test('when the world fails the payer gets 503 and no reason, the owner all of it', async () => {
  const error = new WorldError('store-full', 'no room left for secret-path', 'Free space on secret-disk.', new Error('secret-cause'));
  const told: unknown[] = [];
  const fail = (): Reply => {
    throw error;
  };
  const app = httpRoutes({ payee: fakePayee(fail), onError: (...args) => void told.push(args) });
  const response = await post(app, PAYMENTS, { compact: COMPACT });
  const text = await response.clone().text();
  assert.equal((await problemOf(response)).code, 'store-full');
  assert.equal(response.status, 503);
  assert.match(response.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/);
  assert.doesNotMatch(text, /secret/);
  assert.equal(readRefusal(JSON.parse(text)), undefined);
  assert.deepEqual(told, [[error, `POST ${PAYMENTS}`]]);
});

test('a bug becomes a bare 500, also while a PSBT is read; the owner gets the error', async () => {
  const error = new TypeError('secret is not a function');
  const told: unknown[] = [];
  const broken = {
    answer: () => Promise.reject(error),
    pay: () => Promise.reject(error),
    room: async () => 1_000,
    readPsbt: () => Promise.reject(error),
  };
  const app = httpRoutes({ payee: broken, onError: (cause) => void told.push(cause) });
  for (const body of [{ compact: COMPACT }, { psbt: psbtOf('payment') }]) {
    const response = await post(app, PAYMENTS, body);
    assert.equal(response.status, 500);
    assert.deepEqual(await response.json(), { type: 'about:blank', title: 'Internal Server Error', status: 500 });
  }
  assert.deepEqual(told, [error, error]);
  assert.equal((await post(httpRoutes({ payee: broken }), PAYMENTS, { compact: COMPACT })).status, 500);
});

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const other = 'cd'.repeat(32);

const hostile: readonly (readonly [name: string, path: string, body: string, code: string, status: number])[] = [
  ['an empty body', PAYMENTS, '', 'message-malformed', 400],
  ['JSON that breaks off', PAYMENTS, `{"compact":"${COMPACT}`, 'message-malformed', 400],
  ['two values', PAYMENTS, `{"compact":"${COMPACT}"}{}`, 'message-malformed', 400],
  ['null', PAYMENTS, 'null', 'message-malformed', 400],
  ['an array', PAYMENTS, '[]', 'message-malformed', 400],
  ['a number', PAYMENTS, '1', 'message-malformed', 400],
  ['ten thousand nested arrays', PAYMENTS, nested(10_000), 'message-malformed', 400],
  ['ten thousand nested arrays in a field', PAYMENTS, `{"compact":${nested(10_000)}}`, 'message-malformed', 400],
  ['a thousand nested arrays as an item', INVOICES, `{"item":${nested(1_000)}}`, 'message-malformed', 400],
  ['no field', PAYMENTS, '{}', 'message-malformed', 400],
  ['a field of the wrong type', PAYMENTS, '{"compact":5}', 'message-malformed', 400],
  ['a field nobody knows', PAYMENTS, `{"compact":"${COMPACT}","invoise":"x"}`, 'message-malformed', 400],
  ['both forms', PAYMENTS, `{"compact":"${COMPACT}","psbt":"${psbtOf('payment')}"}`, 'message-malformed', 400],
  ['a prototype', PAYMENTS, '{"__proto__":{"compact":"00"}}', 'message-malformed', 400],
  ['an invoice that is a number', PAYMENTS, `{"compact":"${COMPACT}","invoice":5}`, 'message-malformed', 400],
  ['hex with a half byte', PAYMENTS, `{"compact":"${COMPACT}0"}`, 'message-malformed', 400],
  ['no text of bytes at all', PAYMENTS, '{"compact":"A~"}', 'message-malformed', 400],
  ['a compact message of another kind', PAYMENTS, `{"compact":"${bytesToHex(encodeEnd(end))}"}`, 'message-malformed', 400],
  ['a compact message without its end', PAYMENTS, `{"compact":"${COMPACT.slice(0, -2)}"}`, 'message-malformed', 400],
  ['a compact message with more behind it', PAYMENTS, `{"compact":"${COMPACT}00"}`, 'message-malformed', 400],
  ['a compact message longer than any', PAYMENTS, `{"compact":"${'01'.repeat(4097)}"}`, 'message-malformed', 400],
  ['a signature of zeros', PAYMENTS, `{"compact":"${COMPACT.slice(0, -128)}${'0'.repeat(128)}"}`, 'signature-malformed', 400],
  ['a PSBT that is not base64', PAYMENTS, '{"psbt":"%%%"}', 'message-malformed', 400],
  ['a PSBT that is none', PAYMENTS, `{"psbt":"${base64.encode(new Uint8Array(64))}"}`, 'psbt-malformed', 400],
  ['a PSBT that is too large', PAYMENTS, `{"psbt":"${base64.encode(new Uint8Array(1_000_001))}"}`, 'message-too-large', 413],
  ['an announcement as a payment', PAYMENTS, `{"psbt":"${psbtOf('announce')}"}`, 'psbt-outputs-wrong', 400],
  ['a payment as an announcement', '/v1/channels', JSON.stringify({ offer: offered, psbt: psbtOf('payment') }), 'psbt-outputs-wrong', 400],
  ['an announcement without its offer', '/v1/channels', `{"psbt":"${psbtOf('announce')}"}`, 'message-malformed', 400],
  [
    'an offer with a number for an amount',
    '/v1/channels',
    JSON.stringify({
      offer: { ...offer, coin: 'dogecoin-regtest', contract: 'cltv-multisig', depth: [], minDeposit: 5, maxDeposit: 6 },
      compact: '02',
    }),
    'message-malformed',
    400,
  ],
  ['a payment in the path of another channel', `/v1/channels/${other}/payments`, `{"compact":"${COMPACT}"}`, 'message-malformed', 400],
  ['a PSBT in the path of another channel', `/v1/channels/${other}/payments`, `{"psbt":"${psbtOf('payment')}"}`, 'message-malformed', 400],
  [
    'an end in the path of another channel',
    `/v1/channels/${other}/end`,
    `{"compact":"${bytesToHex(encodeEnd(end))}"}`,
    'message-malformed',
    400,
  ],
  ['a path that names no channel', '/v1/channels/xyz/payments', `{"compact":"${COMPACT}"}`, 'channel-unknown', 404],
  ['a channel in capitals', `/v1/channels/${channel.toUpperCase()}/end`, `{"psbt":"${psbtOf('end')}"}`, 'channel-unknown', 404],
  ['an item that is too long', INVOICES, `{"item":"${'x'.repeat(201)}"}`, 'message-malformed', 400],
];

for (const [name, path, body, code, status] of hostile) {
  test(`${name} is refused before the payee is asked`, async () => {
    const payee = fakePayee();
    const app = httpRoutes({ payee, onError: (error) => assert.fail(String(error)) });
    const response = await app.request(path, { method: 'POST', headers: JSON_TYPE, body });
    const problem = await problemOf(response);
    assert.deepEqual([problem.code, response.status], [code, status]);
    assert.deepEqual(payee.asked, []);
    assert.equal((await post(app, PAYMENTS, { compact: COMPACT })).status, 200);
    assert.equal(payee.asked.length, 1);
  });
}

test('whatever JSON comes, nothing breaks and the payee hears nothing', async () => {
  const payee = fakePayee();
  const app = httpRoutes({ payee, onError: (error) => assert.fail(String(error)) });
  const form = fc.record(
    { compact: fc.oneof(fc.string(), fc.jsonValue()), psbt: fc.string(), invoice: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    fc.jsonValue(),
    form,
    form.map((fields) => ({ ...fields, offer: offered })),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('/v1/channels', PAYMENTS, END), body, async (path, json) => {
      const { status } = await post(app, path, json);
      assert(status >= 400 && status < 500);
      assert.deepEqual(payee.asked, []);
    }),
    { numRuns: 300 },
  );
});

test('only JSON is read', async () => {
  const payee = fakePayee();
  const app = httpRoutes({ payee });
  const body = JSON.stringify({ compact: COMPACT });
  const withType = (type: string | undefined): ReturnType<typeof app.request> =>
    app.request(PAYMENTS, {
      method: 'POST',
      body: new TextEncoder().encode(body),
      ...(type === undefined ? {} : { headers: { 'content-type': type } }),
    });
  for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'text/plain; application/json']) {
    const response = await withType(type);
    assert.equal((await problemOf(response)).code, 'message-malformed');
    assert.equal(response.status, 415);
  }
  assert.deepEqual(payee.asked, []);
  for (const type of ['application/json', 'Application/JSON', 'application/json; charset=utf-8'])
    assert.equal((await withType(type)).status, 200);
});

/** A body without end, that counts what was taken of it. */
function endless(chunk: Uint8Array): { readonly body: ReadableStream<Uint8Array>; readonly taken: () => number } {
  let taken = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        taken += chunk.length;
        controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken: () => taken };
}

for (const [path, most] of [
  [INVOICES, 16 * 1024],
  [PAYMENTS, bodyBytesFor(MAX_PSBT_BYTES)],
  ['/v1/channels', 2 * 1024 * 1024],
  [END, bodyBytesFor(MAX_PSBT_BYTES)],
] as const) {
  test(`a body without end is cut off at the bound of ${path.replace(channel, ':id')}`, async () => {
    const payee = fakePayee();
    const app = httpRoutes({ payee });
    const { body, taken } = endless(new Uint8Array(4096).fill(0x20));
    const response = await app.fetch(new Request(`http://shop${path}`, { method: 'POST', headers: JSON_TYPE, body, duplex: 'half' }));
    assert.equal((await problemOf(response)).code, 'message-too-large');
    assert.equal(response.status, 413);
    const undeclared = Math.min(most, MOST_UNDECLARED);
    assert(taken() > undeclared && taken() <= undeclared + 2 * 4096);
    const declared = await app.request(path, { method: 'POST', headers: { ...JSON_TYPE, 'content-length': String(most + 1) }, body: '{}' });
    assert.equal(declared.status, 413);
    const headers = { ...JSON_TYPE, 'content-length': String(most) };
    const fits = await app.request(path, { method: 'POST', headers, body: `{}${' '.repeat(most - 2)}` });
    assert.equal((await problemOf(fits)).code, 'message-malformed');
    assert.equal(fits.status, 400);
    assert.deepEqual(payee.asked, []);
  });
}

test('of a channel that there is not, no body is read; of one that there is, no more than its deposits give reason to', async () => {
  const app = httpRoutes({ payee: { ...fakePayee(), room: async (id) => (id === channel ? 30_000 : refuse('channel-unknown')) } });
  const elsewhere = `/v1/channels/${other}`;
  for (const [path, code, most] of [
    [`${elsewhere}/payments`, 'channel-unknown', 0],
    [`${elsewhere}/end`, 'channel-unknown', 0],
    [`${elsewhere}/invoices`, 'channel-unknown', 0],
    ['/v1/channels/none/payments', 'channel-unknown', 0],
    [PAYMENTS, 'message-too-large', bodyBytesFor(30_000)],
    [END, 'message-too-large', bodyBytesFor(30_000)],
  ] as const) {
    const { body, taken } = endless(new Uint8Array(4096).fill(0x20));
    const response = await app.fetch(new Request(`http://shop${path}`, { method: 'POST', headers: JSON_TYPE, body, duplex: 'half' }));
    assert.equal((await problemOf(response)).code, code, path);
    assert.ok(taken() <= most + 2 * 4096, `${taken()} were read of ${path}`);
  }
  assert.equal((await post(app, PAYMENTS, { compact: COMPACT })).status, 200);
});

test('a body that breaks off in transit is refused', async () => {
  const payee = fakePayee();
  const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('reset')) });
  const request = new Request(`http://shop${PAYMENTS}`, { method: 'POST', headers: JSON_TYPE, body, duplex: 'half' });
  const response = await httpRoutes({ payee, onError: (error) => assert.fail(String(error)) }).fetch(request);
  assert.equal((await problemOf(response)).code, 'message-malformed');
  assert.deepEqual(payee.asked, []);
});

test('unknown paths and wrong methods are refused; the right method is named', async () => {
  const payee = fakePayee();
  const app = httpRoutes({ payee });
  for (const path of ['/', '/v1', '/v2/offer', '/v1/offer/', `/v1/channels/${channel}/`, `/v1/channels/${channel}/close`, '/v1/../admin']) {
    const response = await app.request(path);
    assert.equal(response.status, 404, path);
    assert.equal((await problemOf(response)).code, 'request-unknown');
  }
  const wrong = [
    ['POST', '/v1/offer', 'GET'],
    ['GET', '/v1/channels', 'POST'],
    ['DELETE', `/v1/channels/${channel}`, 'GET'],
    ['GET', PAYMENTS, 'POST'],
    ['PUT', END, 'POST'],
    ['OPTIONS', INVOICES, 'POST'],
    ['POST', '/openapi.json', 'GET'],
    ['POST', '/v1/live', 'GET'],
    ['POST', '/v1/ready', 'GET'],
    ['POST', '/v1/health', 'GET'],
  ] as const;
  for (const [method, path, allow] of wrong) {
    const response = await app.request(path, { method });
    assert.deepEqual([response.status, response.headers.get('allow')], [405, allow], `${method} ${path}`);
    assert.equal((await problemOf(response)).code, 'request-unknown');
  }
  assert.deepEqual(payee.asked, []);
  const head = await app.request('/v1/offer', { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
});

test('ready is what the owner says it is, by both its names; live is whoever answers', async () => {
  const fail = async (): Promise<never> => {
    throw new WorldError('node-down', 'secret-node is down', 'Start secret-node.');
  };
  for (const [path, status] of [
    ['/v1/live', 200],
    ['/v1/ready', 503],
    ['/v1/health', 503],
  ] as const) {
    const well = await httpRoutes({ payee: fakePayee(), ready: async () => undefined }).request(path);
    assert.deepEqual([well.status, await well.json()], [200, { status: 'ok' }], path);
    assert.equal((await httpRoutes({ payee: fakePayee() }).request(path)).status, 200, path);
    const failed = await httpRoutes({ payee: fakePayee(), ready: fail }).request(path);
    assert.equal(failed.status, status, path);
    assert.doesNotMatch(await failed.text(), /secret/);
  }
});

test('the access log has method, path, status and time of every response, and nothing of what was said', async () => {
  const lines: (readonly [string, string, number, number])[] = [];
  const fail = (): Reply => {
    throw new Error('bug');
  };
  const onRequest = (...line: (typeof lines)[number]): void => void lines.push(line);
  await post(httpRoutes({ payee: fakePayee(), onRequest }), PAYMENTS, { compact: COMPACT });
  await post(httpRoutes({ payee: fakePayee(), onRequest }), `${PAYMENTS}?token=secret`, {});
  await post(httpRoutes({ payee: fakePayee(fail), onRequest }), PAYMENTS, { compact: COMPACT });
  await httpRoutes({ payee: fakePayee(), onRequest }).request('/nowhere');
  await httpRoutes({ payee: fakePayee(), onRequest }).request(PAYMENTS);
  assert.deepEqual(
    lines.map(([method, path, status]) => [method, path, status]),
    [
      ['POST', PAYMENTS, 200],
      ['POST', PAYMENTS, 400],
      ['POST', PAYMENTS, 500],
      ['GET', '/nowhere', 404],
      ['GET', PAYMENTS, 405],
    ],
  );
  assert(lines.every(([, , , milliseconds]) => Number.isFinite(milliseconds) && milliseconds >= 0));
});

test('pages of other origins may call only where the owner says so', async () => {
  const headers = {
    origin: 'https://page.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type',
  };
  const preflight = { method: 'OPTIONS', headers };
  const closed = await httpRoutes({ payee: fakePayee() }).request(PAYMENTS, preflight);
  assert.deepEqual([closed.status, closed.headers.get('access-control-allow-origin')], [405, null]);
  const open = httpRoutes({ payee: fakePayee(), origin: '*' });
  const allowed = await open.request(PAYMENTS, preflight);
  assert.deepEqual([allowed.status, allowed.headers.get('access-control-allow-origin')], [204, '*']);
  assert.match(allowed.headers.get('access-control-allow-methods') ?? '', /POST/);
  assert.match(allowed.headers.get('access-control-allow-headers') ?? '', /content-type/i);
  const refused = await open.request(PAYMENTS, { method: 'POST', headers: { ...JSON_TYPE, origin: 'https://page.example' }, body: '{}' });
  assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [400, '*']);
  const one = httpRoutes({ payee: fakePayee(), origin: ['https://shop.example'] });
  const stranger = await one.request('/v1/offer', { headers: { origin: 'https://page.example' } });
  assert.equal(stranger.headers.get('access-control-allow-origin'), null);
});
