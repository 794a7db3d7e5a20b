import * as z from 'zod';
import { WorldError } from '../engine/ports.ts';
import { integerOf, JsonNumber } from './json-number.ts';
import { Endpoint, type EndpointOptions } from './rpc-endpoint.ts';

export type RpcOptions = EndpointOptions;
export type RpcParameter = string | number | boolean;

/**
 * Calls a method of a node; numbers in the answer are `JsonNumber`. Calls made in one turn of the event loop share one HTTP request. @throws RpcError
 * when the node refuses; WorldError `node-down` or `node-refused` when it can't be asked.
 */
export type Rpc = (method: string, ...parameters: readonly RpcParameter[]) => Promise<unknown>;

/** The node's own refusal of a call: a code of `rpc/protocol.h`, and its text with secrets removed. */
export class RpcError extends Error {
  readonly code: number;
  readonly #words: string;

  constructor(code: number, message: string, words: string = message) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.#words = words;
  }

  /** The node's exact text: the message may lack words that are needed to understand it. Never show this. */
  get words(): string {
    return this.#words;
  }
}

/** The most calls in one HTTP request. */
const BATCH = 100;
/** RPC_IN_WARMUP: the node has started and is still loading its chain. */
const IN_WARMUP = -28;

const integer = z.instanceof(JsonNumber).transform((number) => integerOf(number) ?? Number.NaN);
const answerSchema = z.object({
  id: integer.nullish(),
  result: z.unknown(),
  error: z.object({ code: integer, message: z.string() }).nullish(),
});
type Answer = z.infer<typeof answerSchema>;
const answersSchema = z.union([z.array(answerSchema), answerSchema.transform((only) => [only])]);

interface Call {
  readonly method: string;
  readonly parameters: readonly RpcParameter[];
  readonly settle: (result: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** A client for the JSON-RPC of Core-style nodes over HTTP. It does not connect before the first call. */
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
    const answers = await endpoint.post(JSON.stringify(requests.length === 1 ? only : requests), answersSchema);
    for (const [id, call] of calls.entries()) settle(call, answerTo(answers, id, calls.length), endpoint);
  } catch (error) {
    for (const { fail } of calls) fail(error);
  }
}

/** The answer with the call's id. A node that can't read a request at all answers once, without an id. */
function answerTo(answers: readonly Answer[], id: number, calls: number): Answer | undefined {
  const [first] = answers;
  if (answers.length === 1 && first !== undefined && (calls === 1 || first.id == null)) return first;
  return answers.find((answer) => answer.id === id);
}

function settle({ method, settle: done, fail }: Call, answer: Answer | undefined, endpoint: Endpoint): void {
  if (answer === undefined)
    fail(new WorldError('node-refused', `the node did not answer ${method}`, 'Check that the address is a node of the coin.'));
  else if (answer.error == null) done(answer.result);
  else if (answer.error.code === IN_WARMUP)
    fail(new WorldError('node-down', `the node is starting: ${endpoint.told(answer.error.message)}`, 'Wait until it has started.'));
  else fail(new RpcError(answer.error.code, endpoint.told(answer.error.message), answer.error.message));
}
