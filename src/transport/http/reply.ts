import * as z from 'zod';
import type { Refusal } from '../../core/base/refusal.ts';
import type { Field } from '../../core/message/fields.ts';
import { forwardedJson, quoteJson } from '../../core/message/hub-json.ts';
import { acceptedJson, endedJson, invoiceJson, offerJson, provisionalJson, receiptJson, stateJson } from '../../core/message/json.ts';
import type { Reply } from '../../core/message/message.ts';
import { asksJson, joinedJson } from '../../core/message/sync-json.ts';

export type Answer = Exclude<Reply, Refusal>;
export type AnswerKind = Answer['kind'];

export interface AnswerForm {
  readonly status: 200 | 201 | 202;
  readonly schema: Field<Answer>;
  readonly description: string;
}

export const answerForms: Readonly<Record<AnswerKind, AnswerForm>> = {
  offer: { status: 200, schema: offerJson, description: 'Terms under a fresh payee key.' },
  accepted: { status: 201, schema: acceptedJson, description: 'The channel is open.' },
  provisional: {
    status: 202,
    schema: provisionalJson,
    description: 'The terms are good; the deposit does not count yet. Announce again later.',
  },
  invoice: { status: 201, schema: invoiceJson, description: 'What is owed.' },
  receipt: { status: 200, schema: receiptJson, description: 'The payment is stored for good.' },
  state: { status: 200, schema: stateJson, description: 'The channel as the payee sees it.' },
  ended: { status: 200, schema: endedJson, description: 'The agreed end, signed by both.' },
  asks: {
    status: 200,
    schema: asksJson,
    description: 'What the payee asks as the payer of a channel the other way; nothing when all is said.',
  },
  quote: { status: 200, schema: quoteJson, description: 'How somebody can be paid through the hub, and for what fee.' },
  forwarded: { status: 200, schema: forwardedJson, description: 'How the forwarded amount stands.' },
  joined: { status: 200, schema: joinedJson, description: 'The payee’s part of one end for both channels, or that end signed by both.' },
};

/** The JSON form of an answer, ready for `JSON.stringify`. */
export function writeAnswer(answer: Answer): unknown {
  return z.encode(answerForms[answer.kind].schema, answer);
}
