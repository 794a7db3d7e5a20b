import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { channel, type FakePayee, fakePayee, pay, replies } from '../../../test/world/http-messages.ts';
import { amount } from '../../core/base/amount.ts';
import type { Reply } from '../../core/message/message.ts';
import { WorldError } from '../../engine/ports.ts';
import { Quotas } from '../rate-limit.ts';
import { httpConnection } from './client.ts';
import { type HttpServer, type MerchantOptions, serveMerchant } from './serve.ts';
import { writeBody } from './write-request.ts';

interface Shop {
  readonly server: HttpServer;
  readonly payee: FakePayee;
  readonly errors: unknown[];
}

async function open(t: TestContext, options: MerchantOptions = {}, payee: FakePayee = fakePayee()): Promise<Shop> {
  const errors: unknown[] = [];
  const server = await serveMerchant(payee, { onError: (error) => void errors.push(error), ...options });
  t.after(() => server.close());
  return { server, payee, errors };
}

const PAYMENT = JSON.stringify(writeBody(pay));

function head(length: number | 'chunked'): string {
  const framing = length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`;
  return `POST /v1/channels/${channel}/payments HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`;
}

const WHOLE = head(PAYMENT.length) + PAYMENT;

async function dial({ server }: Shop, text: string): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

/** All that comes until the other side closes. */
async function heard(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  await once(socket, 'close');
  return text;
}

/** The first part of what comes. */
async function firstHeard(socket: Socket): Promise<string> {
  const [chunk]: unknown[] = await once(socket, 'data');
  return String(chunk);
}

async function isServing({ server }: Shop): Promise<void> {
  assert.deepEqual(await httpConnection(server.url).exchange(pay), replies.payment[0]);
}

/** A payee that says when it is asked, and answers when it is let. */
function gatedPayee(): { readonly payee: FakePayee; readonly asked: Promise<unknown>; readonly release: () => void } {
  const events = new EventEmitter();
  const asked = once(events, 'asked');
  const released = once(events, 'released');
  const payee = fakePayee(async (): Promise<Reply> => {
    events.emit('asked');
    await released;
    return replies.payment[0];
  });
  return { payee, asked, release: () => events.emit('released') };
}

test('serves over a socket, several requests on one connection', async (t) => {
  const shop = await open(t);
  assert.match(shop.server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const socket = await dial(shop, WHOLE);
  for (let i = 0; i < 3; i++) {
    assert.match(await firstHeard(socket), /^HTTP\/1\.1 200 OK\r\n/);
    socket.write(WHOLE);
  }
  await firstHeard(socket);
  socket.destroy();
  await isServing(shop);
  assert.equal(shop.payee.asked.length, 5);
});

test('a port that is taken is said so', async (t) => {
  const { server } = await open(t);
  await assert.rejects(
    serveMerchant(fakePayee(), { port: server.port }),
    (error) => error instanceof WorldError && error.code === 'config',
  );
});

for (const [name, sent] of [
  ['headers', 'POST /v1/channels HTTP/1.1\r\nhost: localhost\r\n'],
  ['a body', head(PAYMENT.length) + PAYMENT.slice(0, 20)],
  ['a chunked body', `${head('chunked')}5\r\n{"com\r\n`],
] as const) {
  test(`what never comes to an end is given up: ${name}`, async (t) => {
    const shop = await open(t, { requestTimeout: 600 });
    assert.match(await heard(await dial(shop, sent)), /^HTTP\/1\.1 408 /);
    assert.deepEqual(shop.payee.asked, []);
    assert.deepEqual(shop.errors, []);
    await isServing(shop);
  });
}

for (const [name, sent, status] of [
  ['headers that are too long', `GET /v1/offer HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
  ['what is not HTTP', 'hello\r\n\r\n', 400],
  ['a host that is none', 'GET /v1/offer HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n', 400],
  ['two lengths', head('chunked').replace('\r\n\r\n', '\r\ncontent-length: 5\r\n\r\n'), 400],
] as const) {
  test(`the server itself refuses ${name}`, async (t) => {
    const shop = await open(t);
    assert.match(await heard(await dial(shop, sent)), new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.deepEqual(shop.payee.asked, []);
    await isServing(shop);
  });
}

test('a body that is too long is refused, declared or not', async (t) => {
  const shop = await open(t);
  const declared = await dial(shop, head(2 * 1024 * 1024 + 1));
  assert.match(await firstHeard(declared), /^HTTP\/1\.1 413 /);
  declared.destroy();
  const chunked = await dial(shop, head('chunked'));
  const block = `10000\r\n${' '.repeat(0x10000)}\r\n`;
  const reply = firstHeard(chunked);
  chunked.on('error', () => undefined);
  for (let i = 0; i < 33; i++) chunked.write(block);
  assert.match(await reply, /^HTTP\/1\.1 413 /);
  chunked.destroy();
  assert.deepEqual(shop.payee.asked, []);
  await isServing(shop);
});

test('a payer that hangs up in the middle harms nobody', async (t) => {
  const { payee, asked, release } = gatedPayee();
  const shop = await open(t, {}, payee);
  const half = await dial(shop, head(PAYMENT.length) + PAYMENT.slice(0, 20));
  half.destroy();
  const whole = await dial(shop, WHOLE);
  await asked;
  whole.destroy();
  release();
  await isServing(shop);
  assert.deepEqual(shop.errors, []);
  assert.deepEqual(payee.asked, [pay, pay]);
});

test('beyond the most, connections that have not paid give way, the first first; one that has paid does not', async (t) => {
  const shop = await open(t, { mostConnections: 1 });
  const first = await dial(shop, '');
  const gone = once(first, 'close');
  const second = await dial(shop, WHOLE);
  second.on('error', () => undefined);
  assert.match(await firstHeard(second), /^HTTP\/1\.1 200 /);
  await gone;
  const third = await dial(shop, WHOLE);
  third.on('error', () => undefined);
  assert.equal(await heard(third), '');
  second.write(WHOLE);
  assert.match(await firstHeard(second), /^HTTP\/1\.1 200 /);
  second.destroy();
});

test('closing answers what runs, takes nothing new, and then is over', async (t) => {
  const { payee, asked, release } = gatedPayee();
  const shop = await open(t, {}, payee);
  const idle = await dial(shop, 'GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n');
  assert.match(await firstHeard(idle), /^HTTP\/1\.1 200 /);
  const running = await dial(shop, WHOLE);
  await asked;
  const closed = shop.server.close();
  await heard(idle);
  const late = connect(shop.server.port, '127.0.0.1');
  const [refused]: unknown[] = await once(late, 'error');
  assert(refused instanceof Error && 'code' in refused && refused.code === 'ECONNREFUSED');
  await assert.rejects(
    httpConnection(shop.server.url).exchange(pay),
    (error) => error instanceof WorldError && error.code === 'peer-unreachable',
  );
  release();
  const answer = await heard(running);
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /\r\nconnection: close\r\n/i);
  assert.match(answer, /"kind":"receipt"/);
  await closed;
  await shop.server.close();
  assert.deepEqual(payee.asked, [pay]);
});

test('a request whose body still comes in while the server closes is answered, and is the last on its connection', async (t) => {
  const { payee, asked, release } = gatedPayee();
  const shop = await open(t, {}, payee);
  const socket = await dial(shop, head(PAYMENT.length).replace('\r\n\r\n', '\r\nexpect: 100-continue\r\n\r\n'));
  assert.match(await firstHeard(socket), /^HTTP\/1\.1 100 Continue/);
  const other = await dial(shop, WHOLE);
  await asked;
  const closed = shop.server.close();
  socket.write(PAYMENT);
  release();
  const [late, first] = await Promise.all([heard(socket), heard(other)]);
  for (const answer of [late, first]) assert.match(answer, /HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n/i);
  await closed;
});

test('a connection that has asked nothing yet may ask once while the server closes', async (t) => {
  const shop = await open(t);
  const fresh = await dial(shop, '');
  // Connections are taken in the order they came: once a later one is served, this one is known.
  await isServing(shop);
  const closed = shop.server.close();
  fresh.write(WHOLE);
  assert.match(await heard(fresh), /HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n/i);
  await closed;
});

test('what does not come to an end within the grace is cut off', async (t) => {
  const { payee, asked } = gatedPayee();
  const shop = await open(t, { grace: 1 }, payee);
  const hanging = await dial(shop, WHOLE);
  hanging.on('error', () => undefined);
  await asked;
  const [text] = await Promise.all([heard(hanging), shop.server.close()]);
  assert.equal(text, '');
});

const SMALL_QUOTA = { burst: 5, perSecond: 1, mostAddresses: 10, mostLarge: 1 };
/** Shares that don't fill again, however long a test takes. */
const smallQuotas = (more: Partial<typeof SMALL_QUOTA> = {}): Quotas => new Quotas({ ...SMALL_QUOTA, ...more }, () => 0);

test('who asks for too much is told when to come back, and its connection is closed; other addresses are served', async (t) => {
  const shop = await open(t, { quotas: smallQuotas() });
  const status = async (localAddress: string): Promise<string> => {
    const socket = connect({ port: shop.server.port, host: '127.0.0.1', localAddress }).setEncoding('utf8');
    socket.write('GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    return heard(socket);
  };
  for (let i = 0; i < 5; i++) assert.match(await status('127.0.0.1'), /^HTTP\/1\.1 404 /);
  const refused = await status('127.0.0.1');
  assert.match(refused, /^HTTP\/1\.1 429 /);
  assert.match(refused, /\r\nretry-after: 1\r\n/i);
  assert.match(refused, /\r\nconnection: close\r\n/i);
  assert.match(refused, /"code":"too-many"/);
  assert.match(await status('127.0.0.2'), /^HTTP\/1\.1 404 /);
});

test('payments that are taken go on without end', async (t) => {
  let total = 0n;
  const paying = fakePayee(() => {
    total += 1n;
    const [receipt] = replies.payment;
    return receipt.kind === 'receipt' ? { ...receipt, total: amount(total) } : receipt;
  });
  const shop = await open(t, { quotas: smallQuotas() }, paying);
  const connection = httpConnection(shop.server.url);
  for (let i = 0; i < 50; i++) assert.equal((await connection.exchange(pay)).kind, 'receipt');
});

for (const [trustProxy, statuses] of [
  [false, [404, 429]],
  [0, [404, 429]],
  [true, [404, 404]],
  [1, [404, 404]],
  // The last entry is then another proxy's, and what stands before it is always the same.
  [2, [404, 429]],
] as const) {
  test(`with trustProxy ${trustProxy}, addresses are told apart by what so many proxies say`, async (t) => {
    const shop = await open(t, { quotas: smallQuotas(), trustProxy });
    const answered: number[] = [];
    for (let i = 0; i < 6; i++) {
      const headers = { 'x-forwarded-for': `6.6.6.${i}, 9.9.9.9:4000, 10.0.0.${i}:443` };
      answered.push((await fetch(`${shop.server.url}/v1/nothing`, { headers })).status);
    }
    assert.deepEqual([answered[0], answered.at(-1)], statuses);
  });
}

test('serves on a Unix socket, by any name; whoever comes there shares one share, unless a proxy says who asks', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'pawment-serve-'));
  t.after(() => rmSync(home, { recursive: true }));
  for (const trustProxy of [false, true]) {
    const path = join(home, 'shop.sock');
    const shop = await open(t, { quotas: smallQuotas(), trustProxy, path });
    assert.deepEqual([shop.server.url, shop.server.port], [`unix:${path}`, 0]);
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      const headers = { host: 'shop.example', 'x-forwarded-for': `10.0.0.${i}` };
      const asked = request({ agent: false, socketPath: path, path: '/v1/nothing', headers }).end();
      const [response] = await once(asked, 'response');
      response.resume();
      statuses.push(response.statusCode);
    }
    assert.equal(statuses[0], 404);
    assert.equal(statuses.at(-1), trustProxy ? 404 : 429);
    await shop.server.close();
  }
});

test('one proxy behind a Unix socket may hold all places', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'pawment-serve-'));
  t.after(() => rmSync(home, { recursive: true }));
  const path = join(home, 'shop.sock');
  await open(t, { path, mostConnections: 300 });
  const sockets = Array.from({ length: 300 }, () => connect(path));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const last = sockets.at(-1) ?? connect(path);
  last.write('GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\n\r\n');
  assert.match(await firstHeard(last.setEncoding('utf8')), /^HTTP\/1\.1 404 /);
  for (const socket of sockets) socket.destroy();
});

test('large bodies have few places: one that comes slowly keeps no small one waiting', async (t) => {
  const shop = await open(t, { quotas: smallQuotas({ burst: 50 }) });
  const slow = await dial(shop, head('chunked').replace('\r\n\r\n', '\r\nexpect: 100-continue\r\n\r\n'));
  assert.match(await firstHeard(slow), /^HTTP\/1\.1 100 Continue/);
  const second = await dial(shop, head('chunked'));
  assert.match(await firstHeard(second), /^HTTP\/1\.1 429 /);
  await isServing(shop);
  slow.destroy();
  second.destroy();
});

test('slow senders of one address leave places for large bodies to others, and theirs are free when they are hung up on', async (t) => {
  const shop = await open(t, { quotas: smallQuotas({ burst: 500, mostLarge: 5 }), requestTimeout: 5_000 });
  const body = JSON.stringify({ offer: 'x'.repeat(100_000) });
  const sends = async (localAddress: string): Promise<string> => {
    const socket = connect({ port: shop.server.port, host: '127.0.0.1', localAddress }).setEncoding('utf8');
    socket.write(`POST /v1/channels HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n`);
    socket.write(`content-length: ${body.length}\r\n\r\n${body}`);
    return firstHeard(socket);
  };
  const slow = await Promise.all(Array.from({ length: 6 }, () => dial(shop, head('chunked'))));
  const gone = slow.map((socket) => once(socket, 'close'));
  for (const socket of slow) socket.on('error', () => undefined).resume();
  await isServing(shop);
  assert.match(await sends('127.0.0.1'), /^HTTP\/1\.1 429 /);
  assert.match(await sends('127.0.0.2'), /^HTTP\/1\.1 400 /, 'read, and refused for what it says');
  await Promise.all(gone);
  assert.match(await sends('127.0.0.1'), /^HTTP\/1\.1 400 /);
});

test('an address has only so many connections; another has its own', async (t) => {
  const shop = await open(t, { mostPerAddress: 2 });
  const first = await dial(shop, '');
  const second = await dial(shop, '');
  const third = connect(shop.server.port, '127.0.0.1').setEncoding('utf8');
  third.on('error', () => undefined);
  third.write(WHOLE);
  assert.equal(await heard(third), '');
  const other = connect({ port: shop.server.port, host: '127.0.0.1', localAddress: '127.0.0.2' }).setEncoding('utf8');
  other.write(WHOLE);
  assert.match(await firstHeard(other), /^HTTP\/1\.1 200 /);
  first.destroy();
  await once(first, 'close');
  second.write(WHOLE);
  assert.match(await firstHeard(second), /^HTTP\/1\.1 200 /);
  for (const socket of [second, other]) socket.destroy();
});

test('a request that trickles in byte by byte is given up all the same', async (t) => {
  const shop = await open(t, { requestTimeout: 600 });
  const socket = await dial(shop, head(PAYMENT.length));
  socket.on('error', () => undefined);
  const bytes = [...PAYMENT];
  const trickle = setInterval(() => socket.write(bytes.shift() ?? ' '), 20);
  t.after(() => clearInterval(trickle));
  // A byte that meets the closed connection resets it, and a reset may overtake the answer.
  assert.match(await heard(socket).catch(String), /^HTTP\/1\.1 408 |ECONNRESET/);
  assert.deepEqual(shop.payee.asked, []);
  await isServing(shop);
});
