import type { Context } from 'hono';
import type { Amount } from '../../core/base/amount.ts';
import { refuse } from '../../core/base/refusal.ts';
import type { Request as Message } from '../../core/message/message.ts';
import { admissionQueue } from '../admission-queue.ts';
import { clientOf } from '../client-address.ts';
import type { Quotas } from '../rate-limit.ts';
import { refusalResponse } from './problem.ts';
import { declaredBytes, MOST_UNDECLARED } from './read-body.ts';

/** A response, and what its payment added, if it answers one. */
export interface Answered {
  readonly response: Response;
  readonly added?: Amount;
}

/** What the server knows of a connection; empty when routes are called without one. */
export interface HttpEnv {
  readonly remote?: string;
  /** Keeps the connection's place even when all places are needed. */
  readonly keep?: () => void;
}

export interface RateLimitGate {
  readonly quotas: Quotas;
  /** One's own proxies in front; each adds the address that it saw to `X-Forwarded-For`. */
  readonly proxies: number;
}

type AnyContext = Context<{ Bindings: HttpEnv }>;

/** Handles a request, or refuses it. */
export type AdmissionGate = (c: AnyContext, kind: Message['kind'] | 'other', answer: () => Promise<Answered>) => Promise<Response>;

export const OPEN_GATE: AdmissionGate = async (_, __, answer) => (await answer()).response;

/** Bodies of up to this many bytes are read without a place. */
const LARGE = 64 * 1024;
/** Seconds after which a place for a large body may be free again. */
const LARGE_WAIT = 5;

/** Strangers that are served in one turn of the event loop (about a millisecond), and the most that wait for their turn (less than a second). */
const STRANGERS_AT_ONCE = 4;
const MOST_WAITING = 1_000;
/** Seconds after which there may be fewer requests. */
const CROWDED_WAIT = 5;

/** Checks quotas first. The connection of a refused request is closed, because the rest of its body is not worth reading. */
export function rateLimitGate({ quotas, proxies }: RateLimitGate): AdmissionGate {
  const turn = admissionQueue(STRANGERS_AT_ONCE, MOST_WAITING);
  return async (c, kind, answer) => {
    const { remote = '', keep } = c.env;
    const address = clientOf(remote, c.req.header('x-forwarded-for'), proxies);
    const seconds = quotas.take(address, kind, bytesOf(c.req.raw));
    if (seconds > 0) return tooMany(seconds);
    if (!quotas.precedes(address) && !(await turn())) return tooMany(CROWDED_WAIT);
    const leave = isLarge(c.req.raw) ? quotas.enterLarge(address) : () => undefined;
    if (leave === undefined) return tooMany(LARGE_WAIT);
    try {
      const { response, added = 0n } = await answer();
      if (added > 0n) {
        quotas.settle(address);
        keep?.();
      }
      return response;
    } finally {
      leave();
    }
  };
}

/** The most bytes that a request may bring. */
function bytesOf(request: Request): number {
  const { method } = request;
  return method === 'GET' || method === 'HEAD' ? 0 : (declaredBytes(request) ?? MOST_UNDECLARED);
}

function isLarge(request: Request): boolean {
  const { method } = request;
  return method !== 'GET' && method !== 'HEAD' && !((declaredBytes(request) ?? Number.POSITIVE_INFINITY) <= LARGE);
}

function tooMany(seconds: number): Response {
  return refusalResponse(refuse('too-many', { seconds }), { connection: 'close' });
}
