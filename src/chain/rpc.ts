import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { WorldError } from '../engine/ports.ts';
import { integerOf, JsonNumber, parseJson } from './json-number.ts';
import { httpPost, type Post, type Posted } from './post.ts';

/** How a node lets programs in: `rpcuser`/`rpcpassword`, or the cookie file in its data folder, which changes with every start of the node. */
export type RpcAuth =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'cookie'; readonly file: string };

export interface RpcOptions {
  /** `http://127.0.0.1:22555`; may carry `user:password@`. */
  readonly url: string;
  readonly auth?: RpcAuth;
  /** Milliseconds until a call is given up; 60,000 unless said. */
  readonly timeout?: number;
  /** Node's own unless given. */
  readonly post?: Post;
}

export type RpcParameter = string | number | boolean;

/**
 * Calls a method of a node; numbers in the answer are `JsonNumber`. Calls made in one turn of the event loop share one HTTP request.
 * @throws RpcError when the node says no; WorldError `node-down` or `node-refused` when it can't be asked.
 */
export type Rpc = (method: string, ...parameters: readonly RpcParameter[]) => Promise<unknown>;

/** The node's own refusal of a call: a code of `rpc/protocol.h` and its words. */
export class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
  }
}

const TIMEOUT = 60_000;
/** Calls in one HTTP request at most. */
const BATCH = 100;
/** Characters of what a node says that are passed on. */
const MOST_WORDS = 1_000;
/** RPC_IN_WARMUP: the node has started and is still loading its chain. */
const IN_WARMUP = -28;

const integer = z.instanceof(JsonNumber).transform((number) => integerOf(number) ?? Number.NaN);
const answerSchema = z.object({
  id: integer.nullish(),
  result: z.unknown(),
  error: z.object({ code: integer, message: z.string().transform((text) => text.slice(0, MOST_WORDS)) }).nullish(),
});
type Answer = z.infer<typeof answerSchema>;

interface Call {
  readonly method: string;
  readonly parameters: readonly RpcParameter[];
  readonly settle: (result: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** A client of a Core-style node's JSON-RPC over HTTP. Makes no connection before the first call. */
export function rpcClient(options: RpcOptions): Rpc {
  const endpoint = new Endpoint(options);
  let queue: Call[] = [];

  const flush = (): void => {
    const calls = queue;
    queue = [];
    for (let i = 0; i < calls.length; i += BATCH) void send(endpoint, calls.slice(i, i + BATCH));
  };
  return (method, ...parameters) =>
    new Promise((settle, fail) => {
      if (queue.length === 0) setImmediate(flush);
      queue.push({ method, parameters, settle, fail });
    });
}

async function send(endpoint: Endpoint, calls: readonly Call[]): Promise<void> {
  try {
    const requests = calls.map(({ method, parameters }, id) => ({ jsonrpc: '1.0', id, method, params: parameters }));
    const [only] = requests;
    const answers = await endpoint.post(JSON.stringify(requests.length === 1 ? only : requests));
    for (const [id, call] of calls.entries()) settle(call, answerTo(answers, id, calls.length));
  } catch (error) {
    for (const { fail } of calls) fail(error);
  }
}

/** The answer with the call's id; a node that can't read a request at all answers it once, without an id. */
function answerTo(answers: readonly Answer[], id: number, calls: number): Answer | undefined {
  const [first] = answers;
  if (answers.length === 1 && first !== undefined && (calls === 1 || first.id == null)) return first;
  return answers.find((answer) => answer.id === id);
}

function settle({ method, settle: done, fail }: Call, answer: Answer | undefined): void {
  if (answer === undefined)
    fail(new WorldError('node-refused', `the node left ${method} unanswered`, 'Check that the address is a node of the coin.'));
  else if (answer.error == null) done(answer.result);
  else if (answer.error.code === IN_WARMUP)
    fail(new WorldError('node-down', `the node is starting: ${answer.error.message}`, 'Wait until it has started.'));
  else fail(new RpcError(answer.error.code, answer.error.message));
}

/** Where requests go, and how each kind of silence is named. */
class Endpoint {
  readonly #url: string;
  readonly #auth: RpcAuth | undefined;
  readonly #timeout: number;
  readonly #post: Post;

  constructor({ url, auth, timeout = TIMEOUT, post = httpPost }: RpcOptions) {
    const { username, password, protocol, host, pathname } = new URL(url);
    this.#url = `${protocol}//${host}${pathname}`;
    const inUrl = { kind: 'password', user: decoded(username), password: decoded(password) } as const;
    this.#auth = auth ?? (username === '' ? undefined : inUrl);
    this.#timeout = timeout;
    this.#post = post;
  }

  async post(body: string): Promise<readonly Answer[]> {
    const headers = { 'content-type': 'application/json', ...(await this.#authorization()) };
    const { status, text } = await this.#send(headers, body);
    if (status === 401)
      throw new WorldError('node-refused', `${this.#url} refused the password`, 'Check rpcuser and rpcpassword, or the cookie file.');
    if (status === 403) throw new WorldError('node-refused', `${this.#url} refused this machine`, "Allow it with the node's -rpcallowip.");
    if (status === 503)
      throw new WorldError(
        'node-down',
        `${this.#url} is overloaded: ${text.slice(0, MOST_WORDS)}`,
        "Raise the node's -rpcworkqueue, or ask less often.",
      );
    return this.#read(status, text);
  }

  async #authorization(): Promise<Record<string, string>> {
    if (this.#auth === undefined) return {};
    const credentials = this.#auth.kind === 'cookie' ? await readCookie(this.#auth.file) : `${this.#auth.user}:${this.#auth.password}`;
    return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  }

  async #send(headers: Readonly<Record<string, string>>, body: string): Promise<Posted> {
    try {
      return await this.#post(this.#url, { headers, body, signal: AbortSignal.timeout(this.#timeout) });
    } catch (error) {
      const timedOut = error instanceof Error && error.name === 'TimeoutError';
      const reason = timedOut ? `no answer within ${this.#timeout} ms` : reasonOf(error);
      throw new WorldError(
        'node-down',
        `${this.#url} can't be reached: ${reason}`,
        'Start the node, or check its address and port.',
        error,
      );
    }
  }

  #read(status: number, text: string): readonly Answer[] {
    try {
      const answers = parseJson(text);
      return z.array(answerSchema).parse(Array.isArray(answers) ? answers : [answers]);
    } catch (error) {
      if (error instanceof WorldError) throw error;
      const message = `${this.#url} answered ${status} with something else than JSON-RPC`;
      throw new WorldError('node-refused', message, "Check that the address is a node's RPC port.", error);
    }
  }
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
