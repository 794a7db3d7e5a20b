import * as z from 'zod';
import type { Refusal, RefusalCode, Remedy } from '../../core/base/refusal.ts';
import { refusalField } from '../../core/message/fields.ts';
import type { WorldError } from '../../engine/ports.ts';

const STATUS: Readonly<Record<Remedy, number>> = {
  correct: 400,
  'top-up': 409,
  reopen: 410,
  resync: 409,
  wait: 425,
  agree: 409,
  stop: 409,
};
const STATUS_OF_CODE: Partial<Record<RefusalCode, number>> = {
  'channel-unknown': 404,
  'invoice-unknown': 404,
  'item-unknown': 404,
  'request-unknown': 404,
  'message-too-large': 413,
  'too-many': 429,
  unauthorised: 403,
  'proof-wrong': 403,
};
/** For refusals without `seconds`, which would say how long to wait. */
const WAIT_SECONDS = '30';
const RETRY_SECONDS = '10';

/** RFC 9457, with `code`, `remedy`, `advice` and `facts` of a refusal, or `code` and `hint` when the payee itself has failed. */
export const problemJson: z.ZodType = z.object({
  type: z.string().describe('urn:pawment:refusal:<code>, urn:pawment:world:<code> or about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string().exactOptional(),
  code: z.string().exactOptional(),
  remedy: z.enum(['correct', 'top-up', 'reopen', 'resync', 'wait', 'agree', 'stop']).exactOptional(),
  advice: z.string().exactOptional(),
  facts: z.record(z.string(), z.string()).exactOptional(),
  hint: z.string().exactOptional(),
});

/** A refusal as a response. `status` is given only where HTTP says more than the code: 405, 415. */
export function refusalResponse(refusal: Refusal, headers: Readonly<Record<string, string>> = {}, status?: number): Response {
  const { code, message, remedy, advice, detail: facts } = refusal;
  const { seconds = WAIT_SECONDS } = facts;
  const problem = {
    type: `urn:pawment:refusal:${code}`,
    title: message,
    status: status ?? STATUS_OF_CODE[code] ?? STATUS[remedy],
    detail: describe(refusal),
    code,
    remedy,
    advice,
    facts,
  };
  return respond(problem, remedy === 'wait' ? { ...headers, 'retry-after': seconds } : headers);
}

/** Message and hint of the error are for the payee's owner and are not sent. */
export function worldResponse({ code }: WorldError): Response {
  return respond(
    {
      type: `urn:pawment:world:${code}`,
      title: 'The payee can’t answer safely now.',
      status: 503,
      code,
      hint: 'Send the same again later. A payment may have been stored; the same again is harmless.',
    },
    { 'retry-after': RETRY_SECONDS },
  );
}

export function bugResponse(): Response {
  return respond({ type: 'about:blank', title: 'Internal Server Error', status: 500 }, {});
}

function respond(
  problem: Readonly<Record<string, unknown>> & { readonly status: number },
  headers: Readonly<Record<string, string>>,
): Response {
  const { status } = problem;
  const common = { 'content-type': 'application/problem+json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  return new Response(JSON.stringify(problem), { status, headers: { ...common, ...headers } });
}

/** The message with the facts that a person can read. */
function describe({ message, detail }: Refusal): string {
  const facts = Object.entries(detail).filter(([, value]) => value.length <= 100);
  return facts.length === 0 ? message : `${message} (${facts.map(([name, value]) => `${name}: ${value}`).join(', ')})`;
}

const refusalProblem = z.object({ code: z.unknown(), facts: z.unknown().optional() });

/** The refusal in a problem; undefined unless its code is in the table of this program. */
export function readRefusal(problem: unknown): Refusal | undefined {
  const outer = refusalProblem.safeParse(problem);
  if (!outer.success) return undefined;
  const { code, facts } = outer.data;
  return refusalField.safeParse(facts === undefined ? { code } : { code, detail: facts }).data;
}
