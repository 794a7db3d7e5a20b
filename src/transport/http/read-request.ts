import type { z } from 'zod';
import { type ChannelId, isChannelId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import { decodeAnnounce, decodeEnd, decodePay } from '../../core/message/compact.ts';
import type { Field } from '../../core/message/fields.ts';
import { forwardBody, quoteBody } from '../../core/message/hub-json.ts';
import { type Proof, readProof } from '../../core/message/key-proof.ts';
import type { Announce, InvoiceRequest, Request, Sync } from '../../core/message/message.ts';
import { decodePsbt } from '../../core/message/psbt-codec.ts';
import { readAnnounce } from '../../core/message/psbt-payment.ts';
import { joinField } from '../../core/message/sync-json.ts';
import type { RequestHandler } from '../request-handler.ts';
import { announceBody, endBody, invoiceBody, paymentBody, syncBody } from './endpoints.ts';

/** The parts of an HTTP request with content: its body, the channel id in its path, and its header. */
export interface Parts {
  readonly json?: unknown;
  readonly id?: string | undefined;
  readonly authorization?: string | undefined;
}

const SCHEME = /^pawment +/i;

/** The request that they make together. */
export async function readRequest(
  kind: Request['kind'],
  { json, id = '', authorization }: Parts,
  payee: RequestHandler,
): Promise<Request | Refusal> {
  if (kind === 'offer-request') return { kind };
  if (kind === 'announce') return announceOf(parse(announceBody, json));
  if (!isChannelId(id)) return refuse('channel-unknown');
  switch (kind) {
    case 'state-request':
      return { kind, channel: id, ...proofIn(authorization) };
    case 'invoice-request':
      return invoiceRequestOf(id, parse(invoiceBody, json), authorization);
    case 'sync':
      return syncOf(id, parse(syncBody, json), authorization);
    case 'join': {
      const body = parse(joinField, json);
      return isRefusal(body) ? body : within(id, { kind, channel: body.end.channel, ...body });
    }
    case 'quote-request':
      return provenOf(kind, id, parse(quoteBody, json), authorization);
    case 'forward':
      return provenOf(kind, id, parse(forwardBody, json), authorization);
    case 'payment':
      return payOf(id, parse(paymentBody, json), payee);
    case 'end':
      return endOf(id, parse(endBody, json), payee);
  }
}

type Read<Schema> = z.output<Schema> | Refusal;

function announceOf(body: Read<typeof announceBody>): Announce | Refusal {
  if (isRefusal(body)) return body;
  const { offer } = body;
  if ('compact' in body) {
    const announce = decodeAnnounce(body.compact);
    return isRefusal(announce) ? announce : { ...announce, offer };
  }
  const psbt = decodePsbt(body.psbt);
  return isRefusal(psbt) ? psbt : readAnnounce(psbt, offer);
}

function invoiceRequestOf(channel: ChannelId, body: Read<typeof invoiceBody>, authorization?: string): InvoiceRequest | Refusal {
  return isRefusal(body)
    ? body
    : { kind: 'invoice-request', channel, item: body.item, ...(body.pending && { isPending: true }), ...proofIn(authorization) };
}

function syncOf(channel: ChannelId, body: Read<typeof syncBody>, authorization?: string): Sync | Refusal {
  if (isRefusal(body)) return body;
  return { kind: 'sync', channel, ...(body.answer !== null && { answer: body.answer }), ...proofIn(authorization) };
}

/** A body that is all of the request but its channel and its proof. */
function provenOf<Kind extends string, Body extends object>(kind: Kind, channel: ChannelId, body: Body | Refusal, authorization?: string) {
  return isRefusal(body) ? body : { kind, channel, ...body, ...proofIn(authorization) };
}

/** A proof that can't be read counts as missing. */
function proofIn(authorization = ''): { readonly proof?: Proof } {
  const proof = SCHEME.test(authorization) ? readProof(authorization.replace(SCHEME, '')) : undefined;
  return proof === undefined ? {} : { proof };
}

async function payOf(channel: ChannelId, body: Read<typeof paymentBody>, payee: RequestHandler): Promise<Request | Refusal> {
  if (isRefusal(body)) return body;
  const pay = 'compact' in body ? decodePay(body.compact) : await payee.readPsbt('payment', body.psbt);
  const { invoice, lastSecret } = body;
  const beside = { ...(invoice !== undefined && { invoice }), ...(lastSecret && { lastSecret }) };
  return within(channel, isRefusal(pay) || pay.kind !== 'payment' ? pay : { ...pay, ...beside });
}

async function endOf(channel: ChannelId, body: Read<typeof endBody>, payee: RequestHandler): Promise<Request | Refusal> {
  if (isRefusal(body)) return body;
  return within(channel, 'compact' in body ? decodeEnd(body.compact) : await payee.readPsbt('end', body.psbt));
}

/** A request under a channel's path must be about that channel. */
function within(channel: ChannelId, message: Request | Refusal): Request | Refusal {
  if (isRefusal(message) || ('channel' in message && message.channel === channel)) return message;
  return refuse('message-malformed', { reason: 'the path names another channel than the message' });
}

function parse<Body>(schema: Field<Body>, json: unknown): Body | Refusal {
  const parsed = schema.safeParse(json);
  return parsed.success ? parsed.data : refuse('message-malformed', { reason: reasonOf(parsed.error.issues) });
}

type Issue = z.core.$ZodIssue;

/** The first fault, in the alternative that fits best. */
function reasonOf([issue]: readonly Issue[]): string {
  if (issue === undefined) return 'unknown';
  const branches: readonly (readonly Issue[])[] = issue.code === 'invalid_union' ? issue.errors : [];
  const nearest = branches.toSorted((a, b) => a.length - b.length)[0];
  if (nearest !== undefined && nearest.length > 0) return reasonOf(nearest);
  const place = issue.path.map(String).join('.');
  return `${place === '' ? '' : `${place}: `}${issue.message}`.slice(0, 300);
}
