import { JsonNumber, parseJson } from '../json-number.ts';
import type { AcceptOptions } from './candidate.ts';
import type { Regtest } from './regtest.ts';
import { RPC, RpcError } from './rpc-error.ts';
import type { Json } from './rpc-json.ts';
import { Params } from './rpc-params.ts';

/** What a call can use. */
export interface NodeContext {
  readonly regtest: Regtest;
  readonly relay: AcceptOptions['relay'];
}

export interface Method {
  /** The node's help line, for missing or too many arguments. */
  readonly usage: string;
  readonly most: number;
  readonly answer: (context: NodeContext, params: Params) => Json;
}
export type Methods = Readonly<Record<string, Method>>;

/** One answer, and its HTTP status when it is not part of a batch (`httprpc.cpp`, JSONErrorReply). */
export interface Answer {
  readonly status: number;
  readonly body: Json;
}

const STATUS: Readonly<Record<number, number>> = { [RPC.INVALID_REQUEST]: 400, [RPC.METHOD_NOT_FOUND]: 404 };

/** Answers one request object in the format of Core before JSON-RPC 2.0: no `jsonrpc` field, always both `result` and `error`. */
export function answerOne(context: NodeContext, methods: Methods, request: unknown): Answer {
  const id = isObject(request) ? idOf(request['id']) : null;
  try {
    return { status: 200, body: { result: call(context, methods, request), error: null, id } };
  } catch (error) {
    // As a node does with its own exceptions (`rpc/server.cpp`): the caller gets an error and the server keeps running.
    return errorAnswer(error instanceof RpcError ? error : new RpcError(RPC.MISC, String(error)), id);
  }
}

export function errorAnswer({ code, message }: RpcError, id: Json): Answer {
  return { status: STATUS[code] ?? 500, body: { result: null, error: { code, message }, id } };
}

/** Answers the body of a POST: one request, or a batch, whose HTTP status is always success. */
export function answerBody(context: NodeContext, methods: Methods, text: string): Answer {
  const request = attemptParse(text);
  if (request === undefined) return errorAnswer(new RpcError(RPC.PARSE, 'Parse error'), null);
  if (!Array.isArray(request)) {
    if (isObject(request)) return answerOne(context, methods, request);
    return errorAnswer(new RpcError(RPC.PARSE, 'Top-level object parse error'), null);
  }
  return { status: 200, body: request.map((one: unknown) => answerOne(context, methods, one).body) };
}

/** Any value that a caller uses to match answers to requests. */
function idOf(id: unknown): Json {
  return typeof id === 'string' || id instanceof JsonNumber ? id : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

/** Undefined when it is not JSON. */
function attemptParse(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function call(context: NodeContext, methods: Methods, request: unknown): Json {
  if (!isObject(request)) throw new RpcError(RPC.INVALID_REQUEST, 'Invalid Request object');
  const { method: name, params = [] } = request;
  if (name === undefined || name === null) throw new RpcError(RPC.INVALID_REQUEST, 'Missing method');
  if (typeof name !== 'string') throw new RpcError(RPC.INVALID_REQUEST, 'Method must be a string');
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method === undefined) throw new RpcError(RPC.METHOD_NOT_FOUND, 'Method not found');
  return method.answer(context, new Params(params ?? [], method, context.regtest.chain.rules.dialect === 'dogecoin'));
}
