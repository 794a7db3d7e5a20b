import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { z } from 'zod';
import { WorldError } from '../engine/ports.ts';
import { httpPost, type Post, type Posted } from './http-post.ts';
import { parseJson } from './json-number.ts';

/** How programs log in at a node: `rpcuser`/`rpcpassword`, or the cookie file in its data folder, which changes with every start of the node. */
export type RpcAuth =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'cookie'; readonly file: string };

export interface EndpointOptions {
  /** `http://127.0.0.1:22555`; may contain `user:password@`, a path or a query, which all count as secrets. */
  readonly url: string;
  readonly auth?: RpcAuth;
  /** Milliseconds until a request is given up, repetitions included; 60,000 unless given. */
  readonly timeout?: number;
  /** Node's own unless given. */
  readonly post?: Post;
  /** Waits so many milliseconds; a timer unless given. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
  /** Milliseconds since any fixed moment; the system's unless given. */
  readonly now?: () => number;
  /** Gives a signal that aborts after so many milliseconds; a timer unless given. */
  readonly expiry?: (milliseconds: number) => AbortSignal;
}

const TIMEOUT = 60_000;
/** Milliseconds before a busy node is asked again. */
const PAUSES = [200, 600, 1_800] as const;
/** Characters of a node's text that are passed on. */
const MOST_WORDS = 1_000;
/** HTTP statuses by which the node, or a proxy before it, says: not now. */
const NOT_NOW = new Set([408, 425, 429, 502, 503, 504]);

/** Sends requests to one address and tells the kinds of failure apart. A busy node is asked again a few times. */
export class Endpoint {
  readonly #url: string;
  /** The name that may be shown. */
  readonly #name: string;
  readonly #auth: RpcAuth | undefined;
  readonly #timeout: number;
  readonly #post: Post;
  readonly #pause: (milliseconds: number) => Promise<unknown>;
  readonly #now: () => number;
  readonly #expiry: (milliseconds: number) => AbortSignal;
  #secrets: readonly string[];
  /** It has answered as a node does: any other answer later counts as temporary. */
  #isNode: boolean = false;

  constructor({ url, auth, timeout = TIMEOUT, post = httpPost, pause = setTimeout, ...time }: EndpointOptions) {
    const { username, password, protocol, host, pathname, search, searchParams } = new URL(url);
    this.#name = `${protocol}//${host}`;
    this.#url = `${this.#name}${pathname}${search}`;
    const inUrl = { kind: 'password', user: decoded(username), password: decoded(password) } as const;
    this.#auth = auth ?? (username === '' ? undefined : inUrl);
    this.#timeout = timeout;
    this.#post = post;
    this.#pause = pause;
    this.#now = time.now ?? (() => performance.now());
    this.#expiry = time.expiry ?? ((milliseconds) => AbortSignal.timeout(milliseconds));
    this.#secrets = [
      decoded(password),
      ...(pathname.length > 1 ? [pathname, ...pathname.split('/')] : []),
      search,
      ...searchParams.values(),
    ];
  }

  /** @throws WorldError `node-down` when no answer comes, `node-refused` when the answer is not a node's. */
  async post<T>(body: string, schema: z.ZodType<T>): Promise<T> {
    const end = this.#now() + this.#timeout;
    const again = [...PAUSES];
    for (;;) {
      const answer = await this.#ask(body, schema, end);
      if (!(answer instanceof WorldError)) return answer;
      const pause = again.shift();
      if (pause === undefined || this.#now() + pause >= end) throw answer;
      await this.#pause(pause);
    }
  }

  /** Text from outside with all secrets removed: it may repeat what it was sent. */
  told(text: string): string {
    return without(text, this.#secrets).slice(0, MOST_WORDS);
  }

  /** The answer, or an error that says how the node is busy. */
  async #ask<T>(body: string, schema: z.ZodType<T>, end: number): Promise<T | WorldError> {
    const headers = { 'content-type': 'application/json', ...(await this.#authorization()) };
    const posted = await this.#send(headers, body, end);
    const { status } = posted;
    if (status === 401)
      throw new WorldError('node-refused', `${this.#name} refused the password`, 'Check rpcuser and rpcpassword, or the cookie file.');
    if (status === 403) throw new WorldError('node-refused', `${this.#name} refused this machine`, "Allow it with the node's -rpcallowip.");
    const read = NOT_NOW.has(status) ? undefined : readJson(posted.text, schema);
    if (read !== undefined) {
      this.#isNode = true;
      return read;
    }
    if (this.#isNode || NOT_NOW.has(status) || status >= 500) return this.#busy(posted);
    throw new WorldError(
      'node-refused',
      `${this.#name} answered ${status}, but not with JSON-RPC`,
      "Check that the address is a node's RPC port.",
    );
  }

  #busy({ status, text }: Posted): WorldError {
    const message = `${this.#name} is busy (${status}): ${this.told(text)}`;
    return new WorldError('node-down', message, "Wait; if it does not end, raise the node's -rpcworkqueue, or check the proxy before it.");
  }

  async #authorization(): Promise<Record<string, string>> {
    if (this.#auth === undefined) return {};
    const credentials = this.#auth.kind === 'cookie' ? await readCookie(this.#auth.file) : `${this.#auth.user}:${this.#auth.password}`;
    const encoded = Buffer.from(credentials).toString('base64');
    const password = credentials.slice(credentials.indexOf(':') + 1);
    this.#secrets = [...new Set([...this.#secrets, credentials, password, encoded])];
    return { authorization: `Basic ${encoded}` };
  }

  async #send(headers: Readonly<Record<string, string>>, body: string, end: number): Promise<Posted> {
    const left = Math.max(1, Math.ceil(end - this.#now()));
    try {
      return await this.#post(this.#url, { headers, body, signal: this.#expiry(left) });
    } catch (error) {
      const timedOut = error instanceof Error && error.name === 'TimeoutError';
      const reason = timedOut ? `no answer within ${this.#timeout} ms` : this.told(reasonOf(error));
      throw new WorldError('node-down', `${this.#name} can't be reached: ${reason}`, 'Start the node, or check its address and port.');
    }
  }
}

function readJson<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    const parsed = schema.safeParse(parseJson(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Shorter ones are part of common words. */
const LEAST_SECRET = 4;

/** The text without these secrets, in whatever encoding they appear. */
function without(text: string, secrets: readonly string[]): string {
  const written = secrets.filter(({ length }) => length >= LEAST_SECRET).flatMap(writings);
  return written.toSorted((a, b) => b.length - a.length).reduce((left, one) => left.replaceAll(one, '…'), text);
}

function writings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const base64 = (['base64', 'base64url'] as const).map((encoding) => bytes.toString(encoding).replace(/=+$/, ''));
  const form = new URLSearchParams([['', secret]]).toString().slice(1);
  const quoted = JSON.stringify(secret).slice(1, -1);
  return [secret, decoded(secret), encodeURI(secret), encodeURIComponent(secret), form, quoted, bytes.toString('hex'), ...base64];
}

/** A part of an address, decoded; an invalid per cent sign stays as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function readCookie(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new WorldError(
      'node-down',
      `the cookie file ${file} can't be read`,
      'Start the node: it writes the file. Or correct the path of its data folder.',
      error,
    );
  }
}

/** `connect ECONNREFUSED 127.0.0.1:22555`; for a name with several addresses, the failure of the first. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
