import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { z } from 'zod';
import { WorldError } from '../engine/ports.ts';
import { httpPost, type Post, type Posted } from './http-post.ts';
import { parseJson } from './json-number.ts';

/** How a node lets programs in: `rpcuser`/`rpcpassword`, or the cookie file in its data folder, which changes with every start of the node. */
export type RpcAuth =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'cookie'; readonly file: string };

export interface EndpointOptions {
  /** `http://127.0.0.1:22555`; may carry `user:password@`, and a path or query, which count as secrets as well. */
  readonly url: string;
  readonly auth?: RpcAuth;
  /** Milliseconds until a request is given up, however often it is asked again; 60,000 unless said. */
  readonly timeout?: number;
  /** Node's own unless given. */
  readonly post?: Post;
  /** Waits so many milliseconds; a timer unless given. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
  /** Milliseconds since some moment; the system's unless given. */
  readonly now?: () => number;
  /** Says after so many milliseconds that it is enough; a timer unless given. */
  readonly expiry?: (milliseconds: number) => AbortSignal;
}

const TIMEOUT = 60_000;
/** Milliseconds before a busy node is asked again. */
const PAUSES = [200, 600, 1_800] as const;
/** Characters of what a node says that are passed on. */
const MOST_WORDS = 1_000;
/** Statuses of HTTP by which whoever stands in front of the node, or the node itself, says: not now. */
const NOT_NOW = new Set([408, 425, 429, 502, 503, 504]);

/** Where requests go, and how each kind of silence is named. What is busy is asked again a few times. */
export class Endpoint {
  readonly #url: string;
  /** What may be shown of it. */
  readonly #name: string;
  readonly #auth: RpcAuth | undefined;
  readonly #timeout: number;
  readonly #post: Post;
  readonly #pause: (milliseconds: number) => Promise<unknown>;
  readonly #now: () => number;
  readonly #expiry: (milliseconds: number) => AbortSignal;
  #secrets: readonly string[];
  /** It has answered as a node does: whatever else it says later is a bad moment. */
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

  /** @throws WorldError `node-down` when no answer comes, `node-refused` when it is none of a node's. */
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

  /** What others say, without what nobody may see: they may repeat what they were sent. */
  told(text: string): string {
    return without(text, this.#secrets).slice(0, MOST_WORDS);
  }

  /** The answer, or in which way the node is busy. */
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
      `${this.#name} answered ${status} with something else than JSON-RPC`,
      "Check that the address is a node's RPC port.",
    );
  }

  #busy({ status, text }: Posted): WorldError {
    const message = `${this.#name} is busy (${status}): ${this.told(text)}`;
    return new WorldError('node-down', message, "Wait; if it lasts, raise the node's -rpcworkqueue, or look at the proxy before it.");
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

/** A text without these, however they are written in it. */
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

/** A part of an address as it was meant; a per cent sign that stands for nothing stands for itself. */
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
      'Start the node: it writes the file. Or name its data folder rightly.',
      error,
    );
  }
}

/** `connect ECONNREFUSED 127.0.0.1:22555`; of a name with several addresses, what became of the first. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
