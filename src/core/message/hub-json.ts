import * as z from 'zod';
import { amountField, channelIdField, type Field, hashField, heightField } from './fields.ts';
import type { Forward, Forwarded, Quote, QuoteRequest } from './message.ts';

export const quoteBody: Field<Pick<QuoteRequest, 'payee'>> = z.strictObject({
  payee: z.string().min(1).max(500).describe('the payee’s address'),
});

export const forwardBody: Field<Omit<Forward, 'kind' | 'channel' | 'proof'>> = z.strictObject({
  hash: hashField,
  next: channelIdField.describe('the hub’s channel that was quoted'),
  amount: amountField.describe('what the payee gets'),
  invoice: z.string().min(1).max(64).describe('the payee’s invoice'),
});

export const quoteJson: Field<Quote> = z.object({
  kind: z.literal('quote'),
  channel: channelIdField,
  next: channelIdField,
  base: amountField,
  perMille: z.int().min(0).max(1_000),
  expiry: heightField,
});

export const forwardedJson: Field<Forwarded> = z.object({
  kind: z.literal('forwarded'),
  channel: channelIdField,
  status: z.enum(['forwarding', 'failing', 'revealed', 'failed']),
  refusal: z.string().max(64).exactOptional(),
});
