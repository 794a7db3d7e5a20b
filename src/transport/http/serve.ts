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
  /** 0, the default, uses any free port. */
  readonly port?: number;
  /**
   * File of a Unix socket to listen on, instead of host and port. Web pages can't reach it, so any host name is accepted; its peers have no
   * addresses.
   */
  readonly path?: string;
  /** Milliseconds in which a whole request must arrive; 30,000 unless given. Headers have a third of it. */
  readonly requestTimeout?: number;
  /** Milliseconds for running requests when the server closes; 10,000 unless given. */
  readonly grace?: number;
  /** Called for failures of the listening socket, such as too many open files; it continues to listen. */
  readonly onError?: (error: unknown, where: string) => void;
}

export interface HttpServer {
  /** `http://127.0.0.1:8402`, or `unix:/run/pawment/shop.sock` */
  readonly url: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Accepts no more connections, finishes running requests, then resolves. May be called again. */
  readonly close: () => Promise<void>;
}

const MOST_HEADER_BYTES = 16 * 1024;

export interface MerchantOptions extends ServeOptions, Omit<RouteOptions, 'payee' | 'quota'> {
  /** Limits for each address, shared with whatever else gets the same object; the usual ones, for this server only, unless given. */
  readonly quotas?: Quotas;
  /**
   * The number of one's own proxies in front (true: one). They name the client in `X-Forwarded-For`; without this every payer would seem to be the
   * nearest proxy. Nobody may reach the server directly: a direct client could give any address as its own.
   */
  readonly trustProxy?: boolean | number;
}

/** Serves the plain protocol of one payee. @throws WorldError `config` when it can't listen there. */
export function serveMerchant(payee: RequestHandler, options: MerchantOptions = {}): Promise<HttpServer> {
  const { quotas = new Quotas(), trustProxy = false, ...rest } = options;
  const proxies = Number(trustProxy);
  // All connections come from the proxy then.
  const perAddress = proxies > 0 ? { mostPerAddress: Number.POSITIVE_INFINITY } : {};
  return serveHttp(httpRoutes({ ...rest, payee, quota: { quotas, proxies } }), { foreignPages: true, ...perAddress, ...rest });
}

/** Serves Fetch-style routes over HTTP on Node. TLS is done by a proxy in front. @throws WorldError `config` when it can't listen there. */
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
