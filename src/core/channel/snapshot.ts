import * as z from 'zod';
import { bytesToHex } from '../base/bytes.ts';
import { isBlocks } from '../contract/age-lock.ts';
import type { Deposit, HeldOutput, Terms } from '../contract/contract.ts';
import {
  amountField,
  assetField,
  blocksField,
  bytesField,
  channelIdField,
  coinField,
  contractField,
  depthField,
  type Field,
  hashField,
  heightField,
  keptDepositField,
  locksField,
  lockTimeField,
  outpointField,
  paymentField,
  publicKeyField,
  releasedDepositField,
  shownSecretField,
  signatureField,
  signingField,
  transactionField,
  txIdField,
} from '../message/fields.ts';
import { invoiceJson, offerJson, receiptJson } from '../message/json.ts';
import type { Receipt } from '../message/message.ts';
import { DOUBTS, type Place } from './deposit-confirmation.ts';
import { isExpiryOf } from './offer-fit.ts';
import type { Backing, BestPayment, PayeeState } from './payee-state.ts';
import type { PayerState } from './payer-state.ts';
import { failed, locked, revealed, sentLocks } from './snapshot-locks.ts';
import type { KeptInvoice, Source } from './state-machine.ts';

/** The format of stored states. Old formats can be read for ever; a newer one is refused. */
export const SNAPSHOT_FORMAT = 1;

/** A value as stored text, and back. `decode` throws `SnapshotError` for any text that `encode` would not write. */
export interface Snapshot<Value> {
  readonly encode: (value: Value) => string;
  readonly decode: (text: string) => Value;
}

/** A stored state can't be read. `newer`: a later version of the program wrote it; otherwise it is damaged. Never treated as an empty state. */
export class SnapshotError extends Error {
  readonly newer: boolean;

  constructor(message: string, newer: boolean) {
    super(message);
    this.name = 'SnapshotError';
    this.newer = newer;
  }
}

const anyTerms = z.strictObject({
  coin: coinField,
  contract: contractField,
  signing: signingField,
  closingMargin: blocksField,
  payeeScript: bytesField,
  payerKey: publicKeyField,
  payeeKey: publicKeyField,
  expiry: lockTimeField,
  ageLock: z.strictObject({ blocks: blocksField.refine(isBlocks, 'not the age of a deposit'), spendHash: hashField }).exactOptional(),
  revocation: z.strictObject({ payoutDelay: blocksField, penaltyKey: publicKeyField }).exactOptional(),
  asset: assetField.exactOptional(),
});

export const termsField: Field<Terms> = anyTerms.refine(
  ({ contract, expiry, ageLock, revocation, asset }) =>
    isExpiryOf(contract, expiry) &&
    (asset === undefined || contract.revocation !== undefined) &&
    (contract.expiryIn === 'age') === (ageLock !== undefined) &&
    (ageLock === undefined || revocation === undefined || isBlocks(revocation.payoutDelay)),
  'terms that do not fit the contract',
);

const deposits: Field<readonly Deposit[]> = z.array(keptDepositField);
const releasedDeposits: Field<readonly Deposit[]> = z.array(releasedDepositField);
const limits: Field<PayeeState['limits']> = z.strictObject({
  maxDeposit: amountField,
  depth: depthField,
  unconfirmed: amountField.exactOptional(),
});

const backing: Field<Backing> = z.strictObject({ backed: amountField, deepAt: heightField.exactOptional() });

const places: Field<readonly Place[]> = z.array(
  z.strictObject({ at: z.enum(['block', 'none', 'lost']), height: heightField, doubt: z.enum(DOUBTS).exactOptional() }),
);

const sources: Field<readonly Source[]> = z.array(z.strictObject({ deposit: outpointField, spends: z.array(outpointField) }));

const held: Field<readonly HeldOutput[]> = z.array(
  z.strictObject({ outpoint: outpointField, value: amountField, coins: amountField.exactOptional(), hash: hashField }),
);

const payeeChannel = {
  channel: channelIdField,
  terms: termsField,
  keyName: z.string(),
  deposits,
  sources: sources.exactOptional(),
  limits,
  backing: backing.exactOptional(),
  places: places.exactOptional(),
  reach: amountField.exactOptional(),
  spent: amountField,
  best: z
    .strictObject({
      total: amountField,
      signatures: z.array(signatureField),
      hash: hashField.exactOptional(),
      locks: locksField.exactOptional(),
      receipt: receiptJson,
    })
    .exactOptional(),
  revoked: z.int().min(0).exactOptional(),
  giveBack: amountField.exactOptional(),
  lastOrder: z.string().max(64).exactOptional(),
  setBack: z.literal(true).exactOptional(),
  held: held.exactOptional(),
  revealed: revealed.exactOptional(),
  failed: failed.exactOptional(),
  locked: locked.exactOptional(),
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
    received: amountField.exactOptional(),
  }),
]);

const payerChannel = {
  channel: channelIdField,
  terms: termsField,
  offer: offerJson.exactOptional(),
  keyName: z.string(),
  returnScript: bytesField,
  deposits: releasedDeposits,
  offered: releasedDeposits,
  found: z.array(outpointField).exactOptional(),
  funding: z.array(bytesField),
  unsent: z.array(txIdField).exactOptional(),
  signed: amountField,
  spent: amountField,
  best: paymentField.exactOptional(),
  revocation: z
    .strictObject({
      hash: hashField,
      index: z.int().min(0),
      secrets: z.array(shownSecretField),
      next: z.strictObject({ hash: hashField, signed: amountField }).exactOptional(),
    })
    .exactOptional(),
  endSigned: amountField.exactOptional(),
  held: held.exactOptional(),
  unrevoked: held.exactOptional(),
  locks: sentLocks.exactOptional(),
  locked: locked.exactOptional(),
};

const end = z.strictObject({
  kind: z.literal('end'),
  channel: channelIdField,
  agreement: z.strictObject({
    total: amountField,
    payerScript: bytesField,
    fee: amountField,
    without: z.array(outpointField).exactOptional(),
    beside: transactionField.exactOptional(),
  }),
  signatures: z.array(signatureField),
});

const pending = z.strictObject({
  payment: paymentField,
  price: amountField,
  invoice: z.string().exactOptional(),
  item: z.string().exactOptional(),
  ahead: amountField.exactOptional(),
  info: bytesField.exactOptional(),
});

const payerState: Field<PayerState> = z.discriminatedUnion('kind', [
  z.strictObject({ ...payerChannel, kind: z.literal('planned') }),
  z.strictObject({ ...payerChannel, kind: z.literal('funding') }),
  z.strictObject({ ...payerChannel, kind: z.literal('open'), pending: pending.exactOptional() }),
  z.strictObject({ ...payerChannel, kind: z.literal('ending'), end, transaction: transactionField.exactOptional() }),
  z.strictObject({ ...payerChannel, kind: z.literal('refunding'), transaction: transactionField }),
  z.strictObject({
    ...payerChannel,
    kind: z.literal('ended'),
    how: z.enum(['closed', 'refunded', 'lost', 'abandoned', 'punished']),
    returned: amountField,
    transactions: z.array(transactionField),
  }),
]);

const keptInvoice: Field<KeptInvoice> = z.strictObject({ invoice: invoiceJson, paidTotal: amountField.exactOptional() });

export const payeeSnapshot: Snapshot<PayeeState> = snapshot('payee channel', payeeState, openText);
export const payerSnapshot: Snapshot<PayerState> = snapshot('payer channel', payerState);
export const invoiceSnapshot: Snapshot<KeptInvoice> = snapshot('invoice', keptInvoice);

const envelope = z.object({ format: z.int(), value: z.unknown() });

/** `quick` writes the same text faster for values that are written often; undefined for all others. */
function snapshot<Value>(what: string, field: Field<Value>, quick?: (value: Value) => string | undefined): Snapshot<Value> {
  return {
    encode: (value) => `{"format":${SNAPSHOT_FORMAT},"value":${quick?.(value) ?? JSON.stringify(z.encode(field, value))}}`,
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

/**
 * A payee writes its state for every payment, and the schema would take as long as the rest of the step. So the text of an open state is built here:
 * parts that payments do not change are encoded once, the rest is digits and hex.
 */
function openText(state: PayeeState): string | undefined {
  if (state.kind !== 'open') return undefined;
  const { channel, keyName, spent, best } = state;
  const made = state.sources === undefined ? '' : `,"sources":${textOnce(sources, state.sources)}`;
  const fixed = `"terms":${textOnce(termsField, state.terms)},"keyName":${JSON.stringify(keyName)},"deposits":${textOnce(deposits, state.deposits)}${made}`;
  const shallow = state.backing === undefined ? '' : `,"backing":${textOnce(backing, state.backing)}`;
  const placed = state.places === undefined ? '' : `,"places":${textOnce(places, state.places)}`;
  const revoked = state.revoked === undefined ? '' : `,"revoked":${state.revoked}`;
  const giveBack = state.giveBack === undefined ? '' : `,"giveBack":"${state.giveBack}"`;
  const order = state.lastOrder === undefined ? '' : `,"lastOrder":${JSON.stringify(state.lastOrder)}`;
  const setBack = state.setBack ? ',"setBack":true' : '';
  const kept = state.held === undefined ? '' : `,"held":${textOnce(held, state.held)}`;
  const reach = state.reach === undefined ? '' : `,"reach":"${state.reach}"`;
  const changing = `"spent":"${spent}"${best === undefined ? '' : `,"best":${bestText(best)}`}`;
  return `{"channel":"${channel}",${fixed},"limits":${textOnce(limits, state.limits)}${shallow}${placed}${reach},${changing}${revoked}${giveBack}${order}${setBack}${kept}${lockText(state)},"kind":"open"}`;
}

function lockText(state: PayeeState): string {
  const known = state.revealed === undefined ? '' : `,"revealed":${textOnce(revealed, state.revealed)}`;
  const left = state.failed === undefined ? '' : `,"failed":${textOnce(failed, state.failed)}`;
  return `${known}${left}${state.locked === undefined ? '' : `,"locked":${textOnce(locked, state.locked)}`}`;
}

function bestText({ total, signatures, hash, locks, receipt }: BestPayment): string {
  const hex = signatures.map((signature) => `"${bytesToHex(signature)}"`).join(',');
  const under = hash === undefined ? '' : `,"hash":"${bytesToHex(hash)}"`;
  const beside = locks === undefined ? '' : `,"locks":${textOnce(locksField, locks)}`;
  return `{"total":"${total}","signatures":[${hex}]${under}${beside},"receipt":${receiptText(receipt)}}`;
}

function receiptText({ channel, total, spent, capacity, invoice, secret, giveBack, pending: waiting, preimages }: Receipt): string {
  const bought = invoice === undefined ? '' : `,"invoice":${JSON.stringify(invoice)}`;
  const shown = secret === undefined ? '' : `,"secret":"${bytesToHex(secret)}"`;
  const returning = giveBack === undefined ? '' : `,"giveBack":"${giveBack}"`;
  return `{"kind":"receipt","channel":"${channel}","total":"${total}","spent":"${spent}","capacity":"${capacity}"${bought}${shown}${returning}${hexList('pending', waiting)}${hexList('preimages', preimages)}}`;
}

function hexList(name: string, list: readonly Uint8Array[] | undefined): string {
  return list === undefined ? '' : `,"${name}":[${list.map((one) => `"${bytesToHex(one)}"`).join(',')}]`;
}

const texts = new WeakMap<object, string>();

/** States never change in place, so the text of a part stays valid. */
function textOnce<Part extends object>(field: Field<Part>, part: Part): string {
  const known = texts.get(part);
  if (known !== undefined) return known;
  const text = JSON.stringify(z.encode(field, part));
  texts.set(part, text);
  return text;
}
