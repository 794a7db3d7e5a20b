import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { isChannelId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../../core/base/refusal.ts';
import type { Request as Message, Reply } from '../../core/message/message.ts';
import { WorldError } from '../../engine/ports.ts';
import type { RequestHandler } from '../request-handler.ts';
import { type Answered, type HttpEnv, OPEN_GATE, type RateLimitGate, rateLimitGate } from './admission.ts';
import { bodyBytesFor, type Endpoint, endpoints } from './endpoints.ts';
import { openApi } from './openapi.ts';
import { bugResponse, refusalResponse, worldResponse } from './problem.ts';
import { declaredBytes, MOST_UNDECLARED, parseJson, readBounded } from './read-body.ts';
import { readRequest } from './read-request.ts';
import { answerForms, writeAnswer } from './reply.ts';

export interface RouteOptions {
  readonly payee: RequestHandler;
  /** Throws `WorldError` when nothing new can be promised; without it, the payee is ready whenever it can be reached. */
  readonly ready?: () => Promise<unknown>;
  /** Web origins whose pages may call; `*` for all. None unless given. No cookies are used. */
  readonly origin?: string | string[];
  /** Limits for each address; none unless given. */
  readonly quota?: RateLimitGate;
  /** Access log: called for every response, without bodies. */
  readonly onRequest?: (method: string, path: string, status: number, milliseconds: number) => void;
  /** Called for everything that became a 503 (`WorldError`) or a 500, and where: the payer is not told why, but the owner must be. */
  readonly onError?: (error: unknown, where: string) => void;
}

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

export type HttpRoutes = Hono<{ Bindings: HttpEnv }>;

/** The plain protocol as Fetch-style routes: `fetch` takes a `Request` and gives a `Response`, with or without a socket. */
export function httpRoutes(options: RouteOptions): HttpRoutes {
  const { payee, ready, origin, onRequest, onError, quota } = options;
  const app: HttpRoutes = new Hono();
  const gate = quota === undefined ? OPEN_GATE : rateLimitGate(quota);
  if (onRequest !== undefined) {
    app.use(async (c, next) => {
      const start = performance.now();
      await next();
      onRequest(c.req.method, c.req.path, c.res.status, performance.now() - start);
    });
  }
  if (origin !== undefined)
    app.use(cors({ origin, allowMethods: ['GET', 'POST'], allowHeaders: ['content-type', 'authorization'], maxAge: 86_400 }));
  for (const kind of requestKinds) {
    const endpoint = endpoints[kind];
    app.on(endpoint.method, endpoint.path, (c) => gate(c, kind, () => answer(c, kind, endpoint, payee)));
  }
  const well = async (): Promise<Answered> => ({ response: json(200, { status: 'ok' }) });
  app.get('/v1/live', (c) => gate(c, 'other', well));
  for (const path of READY_PATHS) {
    app.get(path, (c) =>
      gate(c, 'other', async () => {
        await ready?.();
        return well();
      }),
    );
  }
  app.get('/openapi.json', (c) => gate(c, 'other', async () => ({ response: json(200, openApi()) })));
  for (const [path, methods] of methodsByPath()) {
    app.all(path, (c) => gate(c, 'other', async () => refusedAs('request-unknown', { allowed: methods }, { allow: methods }, 405)));
  }
  app.notFound((c) => gate(c, 'other', async () => ({ response: refusalResponse(refuse('request-unknown')) })));
  app.onError((error, c) => {
    onError?.(error, `${c.req.method} ${c.req.path}`);
    return error instanceof WorldError ? worldResponse(error) : bugResponse();
  });
  return app;
}

/** The second is the only one of earlier versions. */
const READY_PATHS = ['/v1/ready', '/v1/health'] as const;

const requestKinds: readonly Message['kind'][] = [
  'payment',
  'invoice-request',
  'state-request',
  'offer-request',
  'announce',
  'end',
  'sync',
  'join',
  'quote-request',
  'forward',
];

function methodsByPath(): ReadonlyMap<string, string> {
  const methods = new Map(['/v1/live', ...READY_PATHS, '/openapi.json'].map((path) => [path, 'GET']));
  for (const { path, method } of Object.values(endpoints)) methods.set(path, method);
  return methods;
}

async function answer(c: Context, kind: Message['kind'], endpoint: Endpoint, payee: RequestHandler): Promise<Answered> {
  const id = c.req.param('id');
  const most = await mostBytes(endpoint, id, payee);
  if (isRefusal(most)) return { response: refusalResponse(most) };
  const body = endpoint.body === undefined ? undefined : await readBody(c.req.raw, most);
  if (body?.kind === 'rejected') return { response: refusalResponse(body.refusal, {}, body.status) };
  const request = await readRequest(kind, { json: body?.value, id, authorization: c.req.header('authorization') }, payee);
  if (isRefusal(request)) return { response: refusalResponse(request) };
  if (request.kind !== 'payment') return { response: replyResponse(await payee.answer(request)) };
  const taken = await payee.pay(request);
  return isRefusal(taken) ? { response: refusalResponse(taken) } : { response: replyResponse(taken.receipt), added: taken.added };
}

function replyResponse(reply: Reply): Response {
  return isRefusal(reply) ? refusalResponse(reply) : json(answerForms[reply.kind].status, writeAnswer(reply));
}

/** The most bytes of a body. It is read only if its channel exists, and only as far as that channel needs. */
async function mostBytes({ body }: Endpoint, id: string | undefined, { room }: RequestHandler): Promise<number | Refusal> {
  if (body === undefined) return 0;
  if (id === undefined) return body.mostBytes;
  const psbt = isChannelId(id) ? await room(id) : refuse('channel-unknown');
  return isRefusal(psbt) ? psbt : Math.min(body.mostBytes, bodyBytesFor(psbt));
}

function refusedAs(code: RefusalCode, detail: Record<string, string>, headers: Record<string, string>, status: number): Answered {
  return { response: refusalResponse(refuse(code, detail), headers, status) };
}

function json(status: number, value: unknown): Response {
  return new Response(JSON.stringify(value), { status, headers: JSON_HEADERS });
}

type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly refusal: Refusal; readonly status?: number };

async function readBody(request: Request, most: number): Promise<Body> {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') return rejected('message-malformed', { reason: 'the content type is not application/json' }, 415);
  const text = await readText(request, most).catch(() => 'broken' as const);
  if (text === undefined) return rejected('message-too-large', { most });
  const parsed = parseJson(text);
  return parsed.kind === 'json' ? parsed : rejected('message-malformed', { reason: 'the body is not JSON' });
}

/** Where the length is declared, servers enforce it, and reading everything at once is several times faster than reading a stream. */
async function readText(request: Request, most: number): Promise<string | undefined> {
  const length = declaredBytes(request);
  if (length === undefined) return readBounded(request.body, Math.min(most, MOST_UNDECLARED));
  return length <= most ? request.text() : undefined;
}

function rejected(code: 'message-malformed' | 'message-too-large', detail: Record<string, string | number>, status?: number): Body {
  return { kind: 'rejected', refusal: refuse(code, detail), ...(status === undefined ? {} : { status }) };
}
