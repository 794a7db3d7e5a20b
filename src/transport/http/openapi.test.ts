import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { z } from 'zod';
import { fakePayee, replies, requests } from '../../../test/world/http-messages.ts';
import { refuse } from '../../core/base/refusal.ts';
import type { Request as Message, Reply } from '../../core/message/message.ts';
import { WorldError } from '../../engine/ports.ts';
import { httpConnection } from './client.ts';
import { httpRoutes } from './routes.ts';

type Json = Record<string, unknown>;
const object = z.record(z.string(), z.unknown());

const operation = z.object({
  operationId: z.string(),
  summary: z.string().min(10),
  parameters: z.array(z.object({ name: z.string(), in: z.literal('path'), required: z.literal(true), schema: object })).optional(),
  requestBody: z.object({ required: z.literal(true), content: z.object({ 'application/json': z.object({ schema: object }) }) }).optional(),
  responses: z.record(z.string(), object),
});
const documentSchema = z.object({
  openapi: z.literal('3.1.1'),
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.partialRecord(z.enum(['get', 'post']), operation)),
  components: z.object({ schemas: z.record(z.string(), object), responses: z.record(z.string(), object) }),
});

const served: unknown = await (await httpRoutes({ payee: fakePayee() }).request('/openapi.json')).json();
const document = documentSchema.parse(served);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, described]) => ({ path, method, ...(described ?? assert.fail()) })),
);

/** What `#/a/b` points to. */
function lookUp(reference: string): unknown {
  assert(reference.startsWith('#/'), reference);
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, name) => object.parse(at)[name] ?? assert.fail(`${reference} leads nowhere`), served);
}

/** The same with every reference replaced by what it points to: schema readers know no `#/components`. */
function inlined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inlined);
  if (typeof value !== 'object' || value === null) return value;
  const { $ref, ...rest } = object.parse(value);
  return $ref === undefined
    ? Object.fromEntries(Object.entries(rest).map(([name, one]) => [name, inlined(one)]))
    : inlined(lookUp(z.string().parse($ref)));
}

function schemaOf(content: unknown, type: string): z.ZodType {
  const { schema } = z.object({ schema: object }).parse(object.parse(content)[type]);
  return z.fromJSONSchema(object.parse(inlined(schema)));
}

test('every route is documented, and every documented route is there', async () => {
  const documented = operations.map(({ method, path }) => `${method.toUpperCase()} ${path.replace('{id}', ':id')}`);
  const app = httpRoutes({ payee: fakePayee() });
  const routed = app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(new Set(documented), new Set(routed));
  assert.equal(documented.length, 14);
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
});

test('every reference leads somewhere, every path variable is declared, every operation can refuse and fail', () => {
  assert.doesNotThrow(() => inlined(served));
  assert.throws(() => inlined({ $ref: '#/components/schemas/Nothing' }));
  for (const { path, parameters = [], responses } of operations) {
    const variables = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    assert.deepEqual(
      parameters.map(({ name }) => name),
      variables,
    );
    assert.deepEqual(Object.keys(responses).slice(-2), ['4XX', '5XX']);
    assert(Object.keys(responses).some((status) => /^2\d\d$/.test(status)));
  }
});

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly sent: unknown;
  readonly response: Response;
}

/** Sends every request in both forms through the client and keeps what went over the wire. */
async function run(reply: (request: Message) => Reply): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  const app = httpRoutes({ payee: fakePayee(reply) });
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const response = await app.request(url, init);
    const path = new URL(url).pathname.replace(/[0-9a-f]{64}/, '{id}');
    const sent: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    seen.push({ method: init.method?.toLowerCase() ?? 'get', path, sent, response: response.clone() });
    return response;
  };
  const connection = httpConnection('http://shop.example', { fetch });
  for (const { request, psbt } of requests) {
    await connection.exchange(request).catch(() => undefined);
    if (psbt !== undefined) await connection.exchange(request, psbt).catch(() => undefined);
  }
  return seen;
}

async function assertDocumented({ method, path, sent, response }: Seen): Promise<void> {
  const described = operations.find((one) => one.method === method && one.path === path) ?? assert.fail(`${method} ${path}`);
  assert.equal(described.requestBody !== undefined, sent !== undefined);
  if (described.requestBody !== undefined) {
    const body = schemaOf(described.requestBody.content, 'application/json');
    assert.deepEqual(body.parse(sent), sent);
    assert(!body.safeParse({ ...object.parse(sent), more: 1 }).success);
    assert(!body.safeParse({}).success);
  }
  const { status } = response;
  const entry = described.responses[status] ?? described.responses[`${Math.floor(status / 100)}XX`] ?? assert.fail(`${status}`);
  const { content } = z.object({ content: object }).parse(inlined(entry));
  const type = response.headers.get('content-type') ?? '';
  const json = object.parse(await response.json());
  const schema = schemaOf(content, type);
  assert.deepEqual(schema.parse(json), json);
  for (const name of ['kind', 'type', 'channel', 'total', 'status']) {
    if (name in json) assert(!schema.safeParse({ ...json, [name]: [] }).success, `${name} may be anything`);
  }
}

test('what goes over the wire is what the document says: requests in both forms, and every answer', async () => {
  for (const i of [0, 1]) {
    const seen = await run(({ kind }) => replies[kind][i] ?? replies[kind][0]);
    assert.equal(seen.length, 14 + 4);
    assert(seen.every(({ response }) => response.ok));
    for (const one of seen) await assertDocumented(one);
  }
});

test('refusals and failures are as the document says', async () => {
  const fail = (): Reply => {
    throw new WorldError('node-down', '', '');
  };
  const bug = (): Reply => {
    throw new Error('bug');
  };
  for (const [reply, status] of [
    [() => refuse('total-lower', { best: 5n }), 409],
    [fail, 503],
    [bug, 500],
  ] as const) {
    const seen = await run(reply);
    assert(seen.every(({ response }) => response.status === status));
    for (const one of seen) await assertDocumented(one);
  }
});

test('the document says what amounts, ids and heights look like', () => {
  const schemaNamed = (name: string): z.ZodType => z.fromJSONSchema(object.parse(inlined({ $ref: `#/components/schemas/${name}` })));
  const receipt: Json = { kind: 'receipt', channel: 'ab'.repeat(32), total: '5', spent: '0', capacity: '10' };
  assert(schemaNamed('Receipt').safeParse(receipt).success);
  for (const wrong of [{ total: '05' }, { total: '-1' }, { total: '1.5' }, { total: 5 }, { channel: 'AB'.repeat(32) }, { channel: 'ab' }]) {
    assert(!schemaNamed('Receipt').safeParse({ ...receipt, ...wrong }).success, JSON.stringify(wrong));
  }
});

test('the document says what payments that can be taken back need: hashes, secrets, and what is given back', () => {
  const schemaNamed = (name: string): z.ZodType => z.fromJSONSchema(object.parse(inlined({ $ref: `#/components/schemas/${name}` })));
  const golden = (name: string): Json =>
    object.parse(JSON.parse(readFileSync(new URL(`../../../test/golden/message/v1/${name}-revocable.json`, import.meta.url), 'utf8')));
  const wrong: Readonly<Record<string, readonly Json[]>> = {
    Offer: [{ payoutDelay: -1 }, { payoutDelay: '1' }],
    Accepted: [{ hash: 'ab' }, { hash: 5 }],
    Receipt: [{ secret: 'ab'.repeat(20) }, { giveBack: '-1' }],
    State: [
      { revocation: {} },
      { revocation: { hash: 'ab'.repeat(20), secrets: [] } },
      { revocation: { hash: 'ab'.repeat(20), giveBack: {} } },
    ],
  };
  for (const [name, cases] of Object.entries(wrong)) {
    const right = golden(name.toLowerCase());
    assert.deepEqual(schemaNamed(name).parse(right), right);
    for (const one of cases) assert(!schemaNamed(name).safeParse({ ...right, ...one }).success, `${name} ${JSON.stringify(one)}`);
  }
});
