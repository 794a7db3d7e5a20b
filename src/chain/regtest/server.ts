import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { turnedAway } from '../../net/host-check.ts';
import type { AcceptOptions } from './candidate.ts';
import type { Regtest } from './regtest.ts';
import { type Answer, answerBody, type Methods, type NodeContext } from './rpc.ts';
import { writeJson } from './rpc-json.ts';
import { methodsFor } from './rpc-methods.ts';

const MAX_BODY = 4 * 1024 * 1024;

export interface ServeOptions {
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** 0, the default, uses any free port. */
  readonly port?: number;
  /** Basic credentials; without them anyone may call. */
  readonly user?: string;
  readonly password?: string;
  /** How sendrawtransaction accepts transactions. `local`, the default, is exactly a node's RPC: it accepts some that its peers would drop. */
  readonly relay?: AcceptOptions['relay'];
}

export interface RegtestServer {
  /** `http://127.0.0.1:18332` */
  readonly url: string;
  readonly port: number;
  /** Lets running calls finish, then resolves. May be called again. */
  readonly close: () => Promise<void>;
  /** Resolves once the server is down, after `close` or the call `stop`. */
  readonly closed: Promise<void>;
}

/** Serves the chain over HTTP like Dogecoin Core or Litecoin Core, depending on the coin. @throws Error when the port is in use. */
export async function serveRegtest(regtest: Regtest, options: ServeOptions = {}): Promise<RegtestServer> {
  const { host = '127.0.0.1', port = 0, relay = 'local' } = options;
  const startedAt = Date.now();
  let stop = (): void => undefined;
  const methods: Methods = {
    ...methodsFor(regtest),
    uptime: { usage: 'uptime', most: 0, answer: () => Math.floor((Date.now() - startedAt) / 1000) },
    stop: {
      usage: 'stop',
      most: 0,
      answer: () => {
        stop();
        return `${regtest.coin.name} ${regtest.coin.name === 'Dogecoin' ? 'server' : 'Core'} stopping`;
      },
    },
  };
  const server = createServer((request, response) => {
    if (turnedAway(request, response, { host })) return;
    void respond({ regtest, relay }, methods, credentialsOf(options), request, response);
  });
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  const close = (): Promise<void> => {
    server.close();
    server.closeIdleConnections();
    return closed;
  };
  // The answer to `stop` itself still has to be sent.
  stop = () => void setImmediate(close);
  const actual = await listen(server, host, port);
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`, port: actual, close, closed };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function credentialsOf({ user, password }: ServeOptions): string | undefined {
  if (user === undefined && password === undefined) return undefined;
  return `Basic ${Buffer.from(`${user ?? ''}:${password ?? ''}`).toString('base64')}`;
}

async function respond(
  context: NodeContext,
  methods: Methods,
  credentials: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'POST') return end(response, 405, 'JSONRPC server handles only POST requests');
  if (credentials !== undefined && !sameText(request.headers.authorization ?? '', credentials)) {
    response.setHeader('WWW-Authenticate', 'Basic realm="jsonrpc"');
    return end(response, 401, '');
  }
  const body = await readBody(request);
  if (body === undefined) {
    response.setHeader('Connection', 'close');
    return end(response, 413, '');
  }
  const { status, body: answer }: Answer = answerBody(context, methods, body);
  response.setHeader('Content-Type', 'application/json');
  end(response, status, `${writeJson(answer)}\n`);
}

function end(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.end(body);
}

/** Compares in constant time, so that the time does not tell where texts differ. */
function sameText(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** Undefined when the body is too large or incomplete. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > MAX_BODY) return undefined;
      chunks.push(bytes);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString('utf8');
}
