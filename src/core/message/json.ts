import * as z from 'zod';
import {
  amountField,
  assetField,
  blocksField,
  bytesField,
  channelIdField,
  coinField,
  contractField,
  depositField,
  depthField,
  type Field,
  hashField,
  heightField,
  lockTimeField,
  paymentField,
  publicKeyField,
  refusalField,
  secretField,
  shownSecretField,
  signatureField,
  signingField,
  storeIdField,
  transactionField,
} from './fields.ts';
import type { Accepted, Ended, Invoice, Offer, Provisional, Receipt, State } from './message.ts';

/** The JSON form of everything that has no PSBT or compact form. Amounts are decimal digits in the smallest unit, bytes are hex. */
export const offerJson: Field<Offer> = z.object({
  kind: z.literal('offer'),
  coin: coinField,
  contract: contractField,
  signing: signingField,
  closingMargin: blocksField,
  payeeScript: bytesField,
  payeeKey: publicKeyField,
  spendHash: hashField.exactOptional(),
  minDeposit: amountField,
  maxDeposit: amountField,
  minExpiry: lockTimeField,
  maxExpiry: lockTimeField,
  depth: depthField,
  unconfirmed: amountField.exactOptional(),
  payoutDelay: blocksField.exactOptional(),
  refundAge: blocksField.exactOptional(),
  asset: assetField.exactOptional(),
  origin: z.object({ store: storeIdField, until: heightField }).exactOptional(),
  nonce: bytesField,
});

const releases = z.array(signatureField).max(64).exactOptional();

export const acceptedJson: Field<Accepted> = z.object({
  kind: z.literal('accepted'),
  channel: channelIdField,
  capacity: amountField,
  releases,
  hash: hashField.exactOptional(),
});

export const provisionalJson: Field<Provisional> = z.object({
  kind: z.literal('provisional'),
  channel: channelIdField,
  waitingFor: refusalField,
  releases,
});

/** Of what is pending, and of what was a short time ago. */
const preimages = z.array(secretField).max(32).exactOptional();

const invoiceId = z.string().regex(/^[0-9a-f]{32}$/);

export const invoiceJson: Field<Invoice> = z.object({
  kind: z.literal('invoice'),
  id: invoiceId,
  channel: channelIdField,
  item: z.string().max(200),
  text: z.string().max(1000),
  amount: amountField,
  address: z.string().max(100),
  expires: z.int(),
  hash: hashField.exactOptional(),
});

export const receiptJson: Field<Receipt> = z.object({
  kind: z.literal('receipt'),
  channel: channelIdField,
  total: amountField,
  spent: amountField,
  capacity: amountField,
  invoice: invoiceId.exactOptional(),
  secret: secretField.exactOptional(),
  giveBack: amountField.exactOptional(),
  pending: z.array(hashField).max(16).exactOptional(),
  preimages,
});

export const stateJson: Field<State> = z.object({
  kind: z.literal('state'),
  channel: channelIdField,
  status: z.enum(['open', 'paused', 'closing', 'ended']),
  capacity: amountField,
  spent: amountField,
  deposits: z.array(depositField).max(64),
  releases,
  best: paymentField.exactOptional(),
  ending: transactionField.exactOptional(),
  revocation: z
    .object({
      hash: hashField,
      secrets: z.array(shownSecretField).min(1).max(48).exactOptional(),
      giveBack: z.object({ total: amountField, hash: hashField }).exactOptional(),
    })
    .exactOptional(),
  preimages,
  failed: z.array(hashField).max(16).exactOptional(),
});

export const endedJson: Field<Ended> = z.object({ kind: z.literal('ended'), channel: channelIdField, transaction: transactionField });
