import type { IncomingMessage, ServerResponse } from 'node:http';

/** The names that requests may use for a server, and the web pages that may send requests. */
export interface AllowedHosts {
  /** The host that it listens on; 127.0.0.1 unless given. */
  readonly host: string;
  /** Additional names, such as the public one that a proxy in front passes on. */
  readonly hostNames?: readonly string[];
  /** Pages of other origins may send requests, and CORS says what they may read. Refused unless given. */
  readonly foreignPages?: boolean;
}

interface Refused {
  readonly status: 400 | 403 | 421;
  readonly title: string;
  readonly detail?: string;
}

/** True for names and addresses, without brackets, that only the machine itself can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/**
 * Refuses requests of web pages that have no permission, and answers them; false: the request may pass. Every HTTP server checks this first.
 * On the loopback address a request must name that address, the one listened on, or a configured name. That stops DNS rebinding, where a page's own
 * name points to this address: its requests still use the page's name. A page of another origin is recognised by `Origin`, which browsers send with
 * every request that can change something. Programs other than browsers may leave out both.
 */
export function turnedAway(request: IncomingMessage, response: ServerResponse, callers: AllowedHosts): boolean {
  const refused = refusalOf(request.headers, callers);
  if (refused === undefined) return false;
  const headers = { 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff', connection: 'close' };
  response.writeHead(refused.status, headers).end(JSON.stringify({ type: 'about:blank', ...refused }));
  return true;
}

function refusalOf({ host: given, origin }: IncomingMessage['headers'], callers: AllowedHosts): Refused | undefined {
  const host = given === undefined ? undefined : authorityOf(given);
  if (given !== undefined && host === undefined) return { status: 400, title: 'The Host header is not valid.' };
  if (host !== undefined && !goesBy(host.hostname, callers)) {
    const detail =
      'The server listens for its own machine only. If a proxy passes this name on, start the server with --host-name and the name.';
    return { status: 421, title: 'This server does not have that name.', detail };
  }
  if (origin === undefined || callers.foreignPages === true || (host !== undefined && originHost(origin) === host.host)) return undefined;
  return { status: 403, title: 'Pages of other origins may not send requests.' };
}

function goesBy(hostname: string, { host, hostNames = [] }: AllowedHosts): boolean {
  if (!isLoopback(host)) return true;
  const name = hostname.replace(/^\[|\]$/g, '');
  return isLoopback(name) || name === host || hostNames.some((one) => one.toLowerCase() === name);
}

/** Host and port as browsers write them; undefined when the text is not exactly that. */
function authorityOf(text: string): URL | undefined {
  return /[\s/\\?#@]/.test(text) ? undefined : (URL.parse(`http://${text}`) ?? undefined);
}

function originHost(origin: string): string | undefined {
  return URL.parse(origin)?.host;
}
