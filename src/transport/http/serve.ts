import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { type AllowedHosts, turnedAway } from '../../net/host-check.ts';
import { ConnectionLimit, type ConnectionLimitOptions } from '../connection-limit.ts';
import { listen } from '../listen.ts';
import { Quotas } from '../rate-limit.ts';
import type { RequestHandler } from '../request-handler.ts';
import type { HttpEnv } from './admission.ts';
import { httpRoutes, type RouteOptions } from './routes.ts';

export interface ServeOptions extends Partial<AllowedHosts>, Partial<ConnectionLimitOptions> {
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** File of a Unix socket to listen on, instead of host and port. No page reaches it, so it goes by any name; its peers have no addresses. */
  readonly path?: string;
  /** Milliseconds in which a whole request must have come in; 30,000 unless given. Headers have a third of it. */
  readonly requestTimeout?: number;
  /** Milliseconds that running requests get when the server closes; 10,000 unless given. */
  readonly grace?: number;
  /** Told of failures of the listening socket, such as too many open files; it goes on listening. */
  readonly onError?: (error: unknown, where: string) => void;
}

export interface HttpServer {
  /** `http://127.0.0.1:8402`, or `unix:/run/pawment/shop.sock` */
  readonly url: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Takes no more connections, finishes what runs, then resolves. May be called again. */
  readonly close: () => Promise<void>;
}

const MOST_HEADER_BYTES = 16 * 1024;

export interface MerchantOptions extends ServeOptions, Omit<RouteOptions, 'payee' | 'quota'> {
  /** What each address may ask for, here and wherever else they are given; as usual, and here only, unless given. */
  readonly quotas?: Quotas;
  /**
   * Stands behind so many proxies of its own, which say in `X-Forwarded-For` who asks (true: one); else every payer would seem to be the nearest.
   * Nobody may reach it past them: who does says himself who he is.
   */
  readonly trustProxy?: boolean | number;
}

/** Serves the plain protocol of one payee. @throws WorldError `config` when it can't listen there. */
export function serveMerchant(payee: RequestHandler, options: MerchantOptions = {}): Promise<HttpServer> {
  const { quotas = new Quotas(), trustProxy = false, ...rest } = options;
  const proxies = Number(trustProxy);
  // The connections are then the proxy's.
  const perAddress = proxies > 0 ? { mostPerAddress: Number.POSITIVE_INFINITY } : {};
  return serveHttp(httpRoutes({ ...rest, payee, quota: { quotas, proxies } }), { foreignPages: true, ...perAddress, ...rest });
}

/**
 * Serves Fetch-style routes over HTTP on Node. TLS is for what stands in front.
 * @throws WorldError `config` when it can't listen there.
 */
export async function serveHttp(
  routes: { readonly fetch: (request: Request, env: HttpEnv) => Response | Promise<Response> },
  options: ServeOptions = {},
): Promise<HttpServer> {
  const { port = 0, path, requestTimeout = 30_000, grace = 10_000, mostConnections = 5_000 } = options;
  const { host = path === undefined ? '127.0.0.1' : `unix:${path}`, mostPerAddress = path === undefined ? 250 : mostConnections } = options;
  const places = new ConnectionLimit({ mostConnections, mostPerAddress });
  const listener = getRequestListener((request, env) => routes.fetch(request, envOf(env.incoming.socket, places)));
  const running = new Set<ServerResponse>();
  let isClosing = false;
  const server = createServer(
    {
      requestTimeout,
      headersTimeout: Math.ceil(requestTimeout / 3),
      connectionsCheckingInterval: Math.ceil(requestTimeout / 10),
      maxHeaderSize: MOST_HEADER_BYTES,
    },
    (request, response) => {
      running.add(response);
      response.once('close', () => running.delete(response));
      if (isClosing) response.setHeader('connection', 'close');
      if (turnedAway(request, response, { ...options, host })) return;
      void listener(request, response);
    },
  );
  server.on('connection', (socket) => void places.take(socket));
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  const close = (): Promise<void> => {
    if (!isClosing) {
      isClosing = true;
      for (const response of running) if (!response.headersSent) response.setHeader('connection', 'close');
      server.close();
      setTimeout(() => server.closeAllConnections(), grace).unref();
    }
    return closed;
  };
  const actual = await listen(server, path === undefined ? { host, port } : { path });
  server.on('error', (error) => options.onError?.(error, 'listen'));
  return { url: path === undefined ? `http://${host.includes(':') ? `[${host}]` : host}:${actual}` : `unix:${path}`, port: actual, close };
}

function envOf(socket: Socket, places: ConnectionLimit): HttpEnv {
  const { remoteAddress: remote } = socket;
  return { ...(remote === undefined ? {} : { remote }), keep: () => places.keep(socket) };
}
