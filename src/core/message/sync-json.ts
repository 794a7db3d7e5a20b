import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import * as z from 'zod';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { decodeAnnounce, decodeEnd, decodePay, encodeAnnounce, encodeEnd, encodePay } from './compact.ts';
import { bytesField, channelIdField, type Field, refusalField, transactionField } from './fields.ts';
import { acceptedJson, endedJson, offerJson, provisionalJson, receiptJson, stateJson } from './json.ts';
import { type Proof, readProof, writeProof } from './key-proof.ts';
import type {
  Announce,
  Asks,
  End,
  Join,
  Joined,
  Message,
  OppositeReply,
  OppositeRequest,
  Pay,
  StateRequest,
  SyncAnswer,
} from './message.ts';

function isOf(kind: string): (value: unknown) => boolean {
  return (value) => typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** A message with signatures: its compact form, and the fields that only the JSON form has. */
function compact<Kind extends Message['kind'], Parts, Made extends Message>(
  kind: Kind,
  parts: Field<Parts>,
  decode: (parts: Parts) => Made | Refusal,
  encode: (message: Made) => Parts,
): Field<Made> {
  return z.codec(parts, z.custom<Made>(isOf(kind)), {
    decode: (input, context) => {
      const message = decode(input);
      if (!isRefusal(message)) return message;
      context.issues.push({ code: 'custom', message: message.message, input });
      return z.NEVER;
    },
    encode,
  });
}

const announce = compact(
  'announce',
  z.strictObject({ kind: z.literal('announce'), offer: offerJson, compact: bytesField }),
  ({ offer, compact: bytes }): Announce | Refusal => {
    const read = decodeAnnounce(bytes);
    return isRefusal(read) ? read : { ...read, offer };
  },
  (message) => ({ kind: 'announce' as const, offer: message.offer, compact: encodeAnnounce(message) }),
);
const payment = compact(
  'payment',
  z.strictObject({ kind: z.literal('payment'), compact: bytesField }),
  ({ compact: bytes }): Pay | Refusal => decodePay(bytes),
  (message) => ({ kind: 'payment' as const, compact: encodePay(message) }),
);
const end = compact(
  'end',
  z.strictObject({ kind: z.literal('end'), compact: bytesField }),
  ({ compact: bytes }): End | Refusal => decodeEnd(bytes),
  (message) => ({ kind: 'end' as const, compact: encodeEnd(message) }),
);

const proofField: Field<Proof> = z.codec(
  z.string().max(200),
  z.custom<Proof>((value) => value !== undefined),
  {
    decode: (text, context) => {
      const proof = readProof(text);
      if (proof !== undefined) return proof;
      context.issues.push({ code: 'custom', message: 'not a proof', input: text });
      return z.NEVER;
    },
    encode: writeProof,
  },
);
const stateRequest: Field<StateRequest> = z.strictObject({
  kind: z.literal('state-request'),
  channel: channelIdField,
  proof: proofField.exactOptional(),
});
const refusal: Field<Refusal> = z.codec(
  z.strictObject({ kind: z.literal('refusal'), refusal: refusalField }),
  z.custom<Refusal>(isOf('refusal')),
  {
    decode: (parts) => parts.refusal,
    encode: (value) => ({ kind: 'refusal' as const, refusal: value }),
  },
);

const named = z.looseObject({ kind: z.string() });

/** A message of one of these kinds; only the form of its own kind is tried, for reading and for writing. */
function oneOf<Made extends Message>(forms: Readonly<Record<Made['kind'], Field<Made>>>): Field<Made> {
  const known = new Map<string, Field<Made>>(Object.entries<Field<Made>>(forms));
  const failed = (input: unknown, context: { readonly issues: unknown[] }): typeof z.NEVER => {
    context.issues.push({ code: 'custom', message: 'not a message that belongs here', input });
    return z.NEVER;
  };
  return z.codec(
    named,
    z.custom<Made>((value) => [...known.keys()].some((kind) => isOf(kind)(value))),
    {
      decode: (input, context) => known.get(input.kind)?.safeParse(input).data ?? failed(input, context),
      encode: (message, context) => {
        const written = named.safeParse(known.get(message.kind)?.safeEncode(message).data);
        return written.success ? written.data : failed(message, context);
      },
    },
  );
}

const requestField: Field<OppositeRequest> = oneOf<OppositeRequest>({
  'offer-request': z.strictObject({ kind: z.literal('offer-request') }),
  announce,
  payment,
  end,
  'state-request': stateRequest,
});
const replyField: Field<OppositeReply> = oneOf<OppositeReply>({
  offer: offerJson,
  accepted: acceptedJson,
  provisional: provisionalJson,
  receipt: receiptJson,
  state: stateJson,
  ended: endedJson,
  refusal,
});

const askId = z.string().regex(/^[0-9a-f]{32}$/);

export const asksJson: Field<Asks> = z.object({
  kind: z.literal('asks'),
  channel: channelIdField,
  ask: z.object({ id: askId, request: requestField }).exactOptional(),
});

export const syncAnswerJson: Field<SyncAnswer> = z.strictObject({ to: askId, reply: replyField });

export const joinField: Field<Pick<Join, 'end' | 'transaction'>> = z.strictObject({ end, transaction: transactionField.exactOptional() });

export const joinedJson: Field<Joined> = z.object({
  kind: z.literal('joined'),
  channel: channelIdField,
  end: end.exactOptional(),
  transaction: transactionField.exactOptional(),
});

/** What the proof of a sync covers: SHA-256 of the JSON form of its answer; nothing without one. */
export function saidBy(answer: SyncAnswer | undefined): Uint8Array {
  return answer === undefined ? new Uint8Array() : sha256(utf8ToBytes(JSON.stringify(z.encode(syncAnswerJson, answer))));
}
