import * as z from 'zod';
import { writeProof } from '../../core/message/key-proof.ts';
import type { Reply, Request } from '../../core/message/message.ts';
import { type Connection, WorldError } from '../../engine/ports.ts';
import { type Endpoint, endpoints } from './endpoints.ts';
import { readRefusal } from './problem.ts';
import { parseJson, readBounded } from './read-body.ts';
import { type AnswerKind, answerForms } from './reply.ts';
import { writeBody } from './write-request.ts';

export interface HttpConnectionOptions {
  /** The runtime's own unless given. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Milliseconds for one exchange, reply included; 30,000 unless given. */
  readonly timeout?: number;
}

/** A state with a whole ending transaction is smaller. */
const MOST_BYTES = 512 * 1024;
const NO_MERCHANT = 'Check that the address is that of a merchant.';

/**
 * A way to a merchant over HTTP, in Node and in browsers. The address is `https://shop.example`, or has a path before the routes:
 * `https://shop.example/pay`. @throws WorldError `config` when it is not an address.
 */
export function httpConnection(address: string, options: HttpConnectionOptions = {}): Connection {
  const { timeout = 30_000, fetch = globalThis.fetch } = options;
  const base = baseOf(address);
  return {
    exchange: async (request, psbt) => {
      const endpoint = endpoints[request.kind];
      const url = base + endpoint.path.replace(':id', 'channel' in request ? request.channel : '');
      const body = writeBody(request, psbt);
      const { response, text } = await send(fetch, url, {
        method: endpoint.method,
        headers: headersOf(request, body !== undefined),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'manual',
        credentials: 'omit',
        cache: 'no-store',
        signal: AbortSignal.timeout(timeout),
      });
      if (text === undefined) throw nonsense(url, `answered with more than ${MOST_BYTES} bytes`);
      return response.ok ? readAnswer(request, endpoint, text, url) : readFailure(response, text, url);
    },
  };
}

function headersOf(request: Request, hasBody: boolean): Record<string, string> {
  return {
    accept: 'application/json',
    ...(hasBody && { 'content-type': 'application/json' }),
    ...('proof' in request && request.proof !== undefined && { authorization: `Pawment ${writeProof(request.proof)}` }),
  };
}

function baseOf(text: string): string {
  const url = URL.parse(text);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === '';
  if (!isPlain)
    throw new WorldError('config', `${text} is not the address of a merchant.`, 'Give it as https://host or https://host/path.');
  return url.href.replace(/\/+$/, '');
}

interface Received {
  readonly response: Response;
  /** Undefined when it was too long to read. */
  readonly text: string | undefined;
}

async function send(fetch: NonNullable<HttpConnectionOptions['fetch']>, url: string, init: RequestInit): Promise<Received> {
  try {
    const response = await fetch(url, init);
    return { response, text: await readBounded(response.body, MOST_BYTES) };
  } catch (error) {
    throw unreachable(url, 'can’t be reached', error);
  }
}

const named = z.object({ kind: z.string() });

function readAnswer(request: Request, { answers }: Endpoint, text: string, url: string): Reply {
  const json = parseJson(text);
  if (json.kind === 'not-json') throw nonsense(url, 'answered with something that is not JSON');
  const kind = answers.find((one) => one === named.safeParse(json.value).data?.kind);
  if (kind === undefined) throw nonsense(url, `answered a request of the kind ${request.kind} with something else`);
  return readKind(request, kind, json.value, url);
}

function readKind(request: Request, kind: AnswerKind, json: unknown, url: string): Reply {
  const parsed = answerForms[kind].schema.safeParse(json);
  if (!parsed.success) throw nonsense(url, `answered with a malformed ${kind}`, parsed.error);
  const answer = parsed.data;
  if ('channel' in request && 'channel' in answer && request.channel !== answer.channel)
    throw nonsense(url, 'answered for another channel');
  return answer;
}

/** Statuses of a proxy or gateway, which do not come from the payee. */
const GATEWAY_STATUSES: readonly number[] = [408, 429];

function readFailure(response: Response, text: string, url: string): Reply {
  const { status } = response;
  const json = parseJson(text);
  const refusal = json.kind === 'json' ? readRefusal(json.value) : undefined;
  if (refusal !== undefined) return refusal;
  if (status >= 500 || GATEWAY_STATUSES.includes(status)) throw unreachable(url, `can’t answer now (HTTP ${status})`);
  // Browsers show a redirect that is not followed as status 0.
  const isRedirect = response.type === 'opaqueredirect' || (status >= 300 && status < 400);
  throw nonsense(url, isRedirect ? 'sends elsewhere; redirects are not followed' : `answered with HTTP ${status}`);
}

function unreachable(url: string, what: string, cause?: unknown): WorldError {
  return new WorldError('peer-unreachable', `${url} ${what}.`, 'Try again later; sending the same again is harmless.', cause);
}

function nonsense(url: string, what: string, cause?: unknown): WorldError {
  return new WorldError('peer-nonsense', `${url} ${what}.`, NO_MERCHANT, cause);
}
