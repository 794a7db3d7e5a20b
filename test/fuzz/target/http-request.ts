import assert from 'node:assert/strict';
import { isRefusal, isRefusalCode } from '../../../src/core/base/refusal.ts';
import type { PayeeState } from '../../../src/core/channel/payee-state.ts';
import { fastestVerifier } from '../../../src/engine/verifier.ts';
import { httpMutator, readHttp, writeHttp } from '../http.ts';
import { type Front, playShop } from '../shop.ts';
import { type Outcome, type Target, utf8 } from '../target.ts';
import { unseenIn } from '../unseen.ts';

const shop = await playShop();
const { verify } = await fastestVerifier();
const own = [...shop.channels, '0'.repeat(64), 'x', '..%2f', '%00', ''];
const more = ['GET /v1/health', 'GET /openapi.json', 'GET /', 'PUT /v1/offer', 'OPTIONS /v1/offer', 'POST /v1/health'];

/** Whole HTTP requests to a merchant that has two channels. */
export const httpRequest: Target = {
  name: 'http-request',
  files: [
    ...['read-body', 'endpoints', 'problem', 'read-request', 'reply', 'routes'].map((name) => `transport/http/${name}.ts`),
    ...['core/message/fields.ts', 'core/message/json.ts'],
  ],
  corpus: [
    ...shop.exchanges.map(({ request }) => request),
    ...shop.exchanges.flatMap(({ request }) => handedOver(request)),
    ...more.map((first) => writeHttp({ first, headers: [], body: '' })),
  ],
  mutate: httpMutator((line, chance) => {
    const [method = '', path = ''] = line.split(' ');
    switch (chance.int(4)) {
      case 0:
        return `${chance.pick(['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'X\u00ff'])} ${path}`;
      case 1:
        return `${method} ${path.replace(/[0-9a-f]{64}/, chance.pickAny(own) ?? '')}`;
      case 2:
        return `${method} ${path}${chance.pick(['/', '//', '?a=b', '%', '#x', '/../', '\u001b[2J', '\u202e'])}`;
      default:
        return chance.pickAny(more) ?? line;
    }
  }),
  check: async (input) => {
    front ??= await shop.front();
    const request = requestOf(input);
    return request === undefined ? { code: 'no-request' } : answered(front, request);
  },
};

let front: Front | undefined;

/** The same payment with the last secret that the payee has shown. */
function handedOver(request: Uint8Array): Uint8Array[] {
  const { first, headers, body } = readHttp(request);
  const shown = `{"lastSecret":{"index":3,"secret":"${'5a'.repeat(32)}"},`;
  return first.includes('/payments') ? [writeHttp({ first, headers, body: body.replace('{', shown) })] : [];
}

/** Undefined for what no runtime would hand on as a request. */
function requestOf(input: Uint8Array): Request | undefined {
  const { first, headers, body } = readHttp(input);
  const [method = '', path = '/'] = first.split(' ');
  const special = new Map(headers);
  try {
    const sent = headers.filter(([name]) => !name.startsWith('x-')).map(([name, value]): [string, string] => [name, value]);
    const stream =
      special.has('x-stream') || special.has('x-broken')
        ? inPieces(body, Number(special.get('x-stream') ?? 5), special.has('x-broken'))
        : body;
    const hasBody = method !== 'GET' && method !== 'HEAD' && body !== '';
    return new Request(`http://shop.example${path}`, { method, headers: sent, ...(hasBody ? { body: stream, duplex: 'half' } : {}) });
  } catch {
    return undefined;
  }
}

/** A body that comes bit by bit, and may break off. */
function inPieces(body: string, length: number, breaks: boolean): ReadableStream<Uint8Array> {
  const bytes = utf8(body);
  const size = Math.max(1, length * 37);
  let at = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (breaks && at > 0) controller.error(new TypeError('terminated'));
      else if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.subarray(at, at + size));
      at += size;
    },
  });
}

async function answered(at: Front, request: Request): Promise<Outcome> {
  const { pathname } = new URL(request.url);
  const before = await states(at);
  const response = await at.fetch(request);
  const body = await response.text();
  if (at.failures.length > 0) {
    front = undefined;
    throw at.failures[0];
  }
  const lines = at.log.splice(0);
  assert.equal(lines.length, 1);
  for (const line of lines) assert.equal(unseenIn(line.trimEnd()), undefined, 'what is logged can be looked at');
  if (pathname !== '/openapi.json') assert.ok(body.length <= 16_384, `${body.length} characters`);
  if (!response.ok) return problem(response, body);
  if (body !== '' && request.method !== 'HEAD') JSON.parse(body);
  if (request.method === 'POST') {
    for (const state of await states(at))
      sound(
        state,
        before.find(({ channel }) => channel === state.channel),
      );
    front = undefined;
  }
  return { code: 'accepted', path: `${request.method} ${pathname}` };
}

function problem(response: Response, body: string): Outcome {
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  if (body === '') return { code: `empty ${response.status}` };
  const { code, status, facts } = JSON.parse(body);
  assert.ok(isRefusalCode(code) && status === response.status && status >= 400 && status < 500, body);
  return { code, path: String(facts.reason ?? '') };
}

async function states({ merchant }: Front): Promise<readonly PayeeState[]> {
  const all: PayeeState[] = [];
  for await (const [, state] of merchant.engine.all()) all.push(state);
  return all;
}

/** A total never falls, and what is stored as the best payment can be closed with. */
function sound({ terms, deposits, best, spent }: PayeeState, before: PayeeState | undefined): void {
  assert.ok(best !== undefined || before?.best === undefined);
  if (best === undefined) return;
  assert.ok(best.total >= (before?.best?.total ?? 0n) && spent >= (before?.spent ?? 0n) && spent <= best.total);
  assert.ok(!isRefusal(terms.contract.verify(terms, deposits, { total: best.total, signatures: best.signatures }, undefined, verify)));
}
