import { base64, base64urlnopad } from '@scure/base';
import * as z from 'zod';
import { parseHex } from '../../core/base/bytes.ts';
import { MAX_COMPACT_BYTES } from '../../core/message/compact.ts';
import { type Field, shownSecretField } from '../../core/message/fields.ts';
import { forwardBody, quoteBody } from '../../core/message/hub-json.ts';
import { offerJson } from '../../core/message/json.ts';
import type { Offer, Pay, Request, SyncAnswer } from '../../core/message/message.ts';
import { joinField, syncAnswerJson } from '../../core/message/sync-json.ts';
import type { AnswerKind } from './reply.ts';

/** The HTTP form of one kind of request. Server, client and OpenAPI document are made from these. */
export interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** `:id` stands for the channel id. */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly body?: { readonly schema: Field<unknown>; readonly mostBytes: number };
  /** Answered only to a holder of the channel's key, who proves it in an Authorization header. */
  readonly isProven?: true;
  readonly answers: readonly AnswerKind[];
}

function bytesAs(description: string, most: number, read: (text: string) => Uint8Array | undefined, write: (bytes: Uint8Array) => string) {
  const text = z.string().max(most).describe(description);
  return z.codec(
    text,
    z.custom<Uint8Array>((value) => value instanceof Uint8Array),
    {
      decode: (input, context) => {
        const bytes = attempt(() => read(input));
        if (bytes !== undefined) return bytes;
        context.issues.push({ code: 'custom', message: `not ${description}`, input });
        return z.NEVER;
      },
      encode: write,
    },
  );
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Uses the runtime's own decoder: one in JavaScript would block all other requests too long for a megabyte. */
function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The first byte of every compact message is below 16, so its base64url starts with `A` to `D` and its hex with `0`. */
const compactField: Field<Uint8Array> = bytesAs(
  'a compact message, in base64url without padding or in hex',
  2 * MAX_COMPACT_BYTES,
  (text) => (text.startsWith('0') ? parseHex(text) : base64urlnopad.decode(text)),
  (bytes) => base64urlnopad.encode(bytes),
);
const psbtField: Field<Uint8Array> = bytesAs('a PSBT (BIP174) in base64', 2_000_000, decodeBase64, (bytes) => base64.encode(bytes));
const invoiceId = z.string().max(64).describe('the id of the invoice that is paid').exactOptional();

/** The two interchangeable forms of a message with signatures. */
export type Signed = { readonly compact: Uint8Array } | { readonly psbt: Uint8Array };

export const announceBody: Field<Signed & { readonly offer: Offer }> = z.union([
  z.strictObject({ offer: offerJson, compact: compactField }),
  z.strictObject({ offer: offerJson, psbt: psbtField }),
]);
const besidePayment = { invoice: invoiceId, lastSecret: shownSecretField.exactOptional() };
export const paymentBody: Field<Signed & Pick<Pay, 'invoice' | 'lastSecret'>> = z.union([
  z.strictObject({ compact: compactField, ...besidePayment }),
  z.strictObject({ psbt: psbtField, ...besidePayment }),
]);
export const endBody: Field<Signed> = z.union([z.strictObject({ compact: compactField }), z.strictObject({ psbt: psbtField })]);
export const invoiceBody: Field<{ readonly item: string; readonly pending?: true }> = z.strictObject({
  item: z.string().max(200),
  pending: z.literal(true).describe('for an invoice with a hash, to be paid through a hub; such a request needs no proof').exactOptional(),
});

export const syncBody: Field<{ readonly answer: SyncAnswer | null }> = z.strictObject({ answer: z.nullable(syncAnswerJson) });

/** Bytes of a body with a PSBT of so many bytes at most: base64, and what JSON adds. */
export function bodyBytesFor(psbt: number): number {
  return Math.ceil(psbt / 3) * 4 + 1_024;
}

const SMALL = 16 * 1024;
/** A PSBT includes its complete funding transactions. */
const LARGE = 2 * 1024 * 1024;

export const endpoints: Readonly<Record<Request['kind'], Endpoint>> = {
  'offer-request': {
    method: 'GET',
    path: '/v1/offer',
    name: 'offer',
    summary: 'Terms for a new channel, with a fresh payee key.',
    answers: ['offer'],
  },
  announce: {
    method: 'POST',
    path: '/v1/channels',
    name: 'announce',
    summary: 'Announces the deposits of a channel. Harmless when sent again; sent again with every further deposit.',
    body: { schema: announceBody, mostBytes: LARGE },
    answers: ['accepted', 'provisional'],
  },
  'state-request': {
    method: 'GET',
    path: '/v1/channels/:id',
    name: 'state',
    summary: 'The channel as the payee sees it: for resuming after a lost reply.',
    isProven: true,
    answers: ['state'],
  },
  'invoice-request': {
    method: 'POST',
    path: '/v1/channels/:id/invoices',
    name: 'invoice',
    summary: 'Asks what an item costs.',
    body: { schema: invoiceBody, mostBytes: SMALL },
    isProven: true,
    answers: ['invoice'],
  },
  payment: {
    method: 'POST',
    path: '/v1/channels/:id/payments',
    name: 'pay',
    summary: 'Pays: a new signed total. The same payment again gets the same receipt.',
    body: { schema: paymentBody, mostBytes: LARGE },
    answers: ['receipt'],
  },
  end: {
    method: 'POST',
    path: '/v1/channels/:id/end',
    name: 'end',
    summary: 'Proposes to end the channel at once; the payee signs too and broadcasts.',
    body: { schema: endBody, mostBytes: LARGE },
    answers: ['ended'],
  },
  sync: {
    method: 'POST',
    path: '/v1/channels/:id/sync',
    name: 'sync',
    summary:
      'Answers what the payee asked last as the payer of a channel the other way, and asks what is next. The same again is harmless.',
    body: { schema: syncBody, mostBytes: LARGE },
    isProven: true,
    answers: ['asks'],
  },
  join: {
    method: 'POST',
    path: '/v1/channels/:id/join',
    name: 'join',
    summary: 'Proposes one transaction as the end of this channel and of the one the other way.',
    body: { schema: joinField, mostBytes: LARGE },
    answers: ['joined'],
  },
  'quote-request': {
    method: 'POST',
    path: '/v1/channels/:id/quotes',
    name: 'quote',
    summary: 'Asks a hub how somebody can be paid through it.',
    body: { schema: quoteBody, mostBytes: SMALL },
    isProven: true,
    answers: ['quote'],
  },
  forward: {
    method: 'POST',
    path: '/v1/channels/:id/forwards',
    name: 'forward',
    summary: 'Orders a hub to forward an amount that is pending in the channel. The same again tells how it stands.',
    body: { schema: forwardBody, mostBytes: SMALL },
    isProven: true,
    answers: ['forwarded'],
  },
};
