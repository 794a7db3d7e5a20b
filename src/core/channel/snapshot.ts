import { z } from 'zod';
import type { Terms } from '../contract/contract.ts';
import {
  amountField,
  blocksField,
  bytesField,
  channelIdField,
  coinField,
  contractField,
  depositField,
  depthField,
  type Field,
  heightField,
  paymentField,
  publicKeyField,
  signatureField,
  signingField,
  transactionField,
} from '../message/fields.ts';
import { invoiceJson, offerJson, receiptJson } from '../message/json.ts';
import type { KeptInvoice } from './machine.ts';
import type { PayeeState } from './payee-state.ts';
import type { PayerState } from './payer-state.ts';

/** The format of stored states. Old formats decode for ever; a newer one is refused. */
export const SNAPSHOT_FORMAT = 1;

/** A value as stored text, and back. `decode` throws `SnapshotError` on anything that `encode` did not write. */
export interface Snapshot<Value> {
  readonly encode: (value: Value) => string;
  readonly decode: (text: string) => Value;
}

/** A stored state can't be read: `newer` when a later program wrote it, else it is damaged. Never answered with an empty state. */
export class SnapshotError extends Error {
  readonly newer: boolean;

  constructor(message: string, newer: boolean) {
    super(message);
    this.name = 'SnapshotError';
    this.newer = newer;
  }
}

const terms: Field<Terms> = z.strictObject({
  coin: coinField,
  contract: contractField,
  signing: signingField,
  closingMargin: blocksField,
  payeeScript: bytesField,
  payerKey: publicKeyField,
  payeeKey: publicKeyField,
  expiry: heightField,
});

const deposits = z.array(depositField);

const payeeChannel = {
  channel: channelIdField,
  terms,
  keyName: z.string(),
  deposits,
  limits: z.strictObject({ maxDeposit: amountField, depth: depthField }),
  spent: amountField,
  best: z.strictObject({ total: amountField, signatures: z.array(signatureField), receipt: receiptJson }).exactOptional(),
};

const payeeState: Field<PayeeState> = z.discriminatedUnion('kind', [
  z.strictObject({ ...payeeChannel, kind: z.literal('open') }),
  z.strictObject({ ...payeeChannel, kind: z.literal('paused') }),
  z.strictObject({ ...payeeChannel, kind: z.literal('closing'), transaction: transactionField }),
  z.strictObject({
    ...payeeChannel,
    kind: z.literal('ended'),
    how: z.enum(['closed', 'refunded', 'lost', 'unused']),
    transaction: transactionField.exactOptional(),
  }),
]);

const payerChannel = {
  channel: channelIdField,
  terms,
  offer: offerJson,
  keyName: z.string(),
  returnScript: bytesField,
  deposits,
  offered: deposits,
  funding: z.array(bytesField),
  signed: amountField,
  spent: amountField,
  best: paymentField.exactOptional(),
};

const end = z.strictObject({
  kind: z.literal('end'),
  channel: channelIdField,
  agreement: z.strictObject({ total: amountField, payerScript: bytesField, fee: amountField }),
  signatures: z.array(signatureField),
});

const pending = z.strictObject({ payment: paymentField, price: amountField, invoice: z.string().exactOptional() });

const payerState: Field<PayerState> = z.discriminatedUnion('kind', [
  z.strictObject({ ...payerChannel, kind: z.literal('planned') }),
  z.strictObject({ ...payerChannel, kind: z.literal('funding') }),
  z.strictObject({ ...payerChannel, kind: z.literal('open'), pending: pending.exactOptional() }),
  z.strictObject({ ...payerChannel, kind: z.literal('ending'), end, transaction: transactionField.exactOptional() }),
  z.strictObject({ ...payerChannel, kind: z.literal('refunding'), transaction: transactionField }),
  z.strictObject({
    ...payerChannel,
    kind: z.literal('ended'),
    how: z.enum(['closed', 'refunded', 'lost', 'abandoned']),
    returned: amountField,
    transactions: z.array(transactionField),
  }),
]);

const keptInvoice: Field<KeptInvoice> = z.strictObject({ invoice: invoiceJson, paidTotal: amountField.exactOptional() });

export const payeeSnapshot: Snapshot<PayeeState> = snapshot('payee channel', payeeState);
export const payerSnapshot: Snapshot<PayerState> = snapshot('payer channel', payerState);
export const invoiceSnapshot: Snapshot<KeptInvoice> = snapshot('invoice', keptInvoice);

const envelope = z.object({ format: z.int(), value: z.unknown() });

function snapshot<Value>(what: string, field: Field<Value>): Snapshot<Value> {
  return {
    encode: (value) => JSON.stringify({ format: SNAPSHOT_FORMAT, value: z.encode(field, value) }),
    decode: (text) => {
      const outer = envelope.safeParse(parsed(text));
      if (!outer.success) throw new SnapshotError(`a stored ${what} is damaged`, false);
      if (outer.data.format > SNAPSHOT_FORMAT) throw new SnapshotError(`a stored ${what} has the newer format ${outer.data.format}`, true);
      const value = field.safeParse(outer.data.value);
      if (!value.success) throw new SnapshotError(`a stored ${what} is damaged: ${z.prettifyError(value.error)}`, false);
      return value.data;
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
