import type { IncomingMessage, ServerResponse } from 'node:http';

/** By which names a server may be asked for, and whose pages may ask. */
export interface AllowedHosts {
  /** Where it listens; servers take 127.0.0.1 unless given. */
  readonly host: string;
  /** Names besides that it goes by, such as the public one that a proxy in front passes on. */
  readonly hostNames?: readonly string[];
  /** Pages of other origins may ask, and CORS says what they may read. Refused unless given. */
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
 * Turns a request away that a web page made without leave, and answers it; false: it may pass. Every HTTP server asks this first.
 *
 * On the loopback address a request must name that address, the one listened on, or a name it was told: a page whose own name has come to point there
 * (DNS rebinding) still says its own. A page of another origin is known by `Origin`, which browsers send with all that can change something.
 * What is no browser may leave both out.
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
  if (given !== undefined && host === undefined) return { status: 400, title: 'The host is not one.' };
  if (host !== undefined && !goesBy(host.hostname, callers)) {
    const detail = 'It listens for its own machine. If a proxy passes this name on, start it with --host-name and the name.';
    return { status: 421, title: 'This server does not go by that name.', detail };
  }
  if (origin === undefined || callers.foreignPages === true || (host !== undefined && originHost(origin) === host.host)) return undefined;
  return { status: 403, title: 'Pages of other origins have no business here.' };
}

function goesBy(hostname: string, { host, hostNames = [] }: AllowedHosts): boolean {
  if (!isLoopback(host)) return true;
  const name = hostname.replace(/^\[|\]$/g, '');
  return isLoopback(name) || name === host || hostNames.some((one) => one.toLowerCase() === name);
}

/** Host and port as browsers write them; undefined when it is anything more or less. */
function authorityOf(text: string): URL | undefined {
  return /[\s/\\?#@]/.test(text) ? undefined : (URL.parse(`http://${text}`) ?? undefined);
}

function originHost(origin: string): string | undefined {
  return URL.parse(origin)?.host;
}
