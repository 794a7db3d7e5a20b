import { type Amount, amount, ZERO } from '../../src/core/base/amount.ts';
import { type ChannelId, txId } from '../../src/core/base/bytes.ts';
import { height } from '../../src/core/base/height.ts';
import { isRefusal, refuse } from '../../src/core/base/refusal.ts';
import { termsOf } from '../../src/core/channel/payee-open.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { channelIdOf, type Deposit, type Payment, type Terms } from '../../src/core/contract/contract.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import type { Announce, End, Ended, Invoice, Offer, Pay, Receipt, Reply, Request, State } from '../../src/core/message/message.ts';
import { decodePsbt, MAX_PSBT_BYTES } from '../../src/core/message/psbt-codec.ts';
import { announcePsbt, endPsbt, paymentPsbt, readEnd, readPayment } from '../../src/core/message/psbt-payment.ts';
import { hash160, p2pkh } from '../../src/core/tx/script.ts';
import { type Signer, signer } from '../../src/core/tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import type { RequestHandler } from '../../src/transport/request-handler.ts';

/** One channel with every message of its life, for tests of what carries them. */
const coin = dogecoinRegtest;
const DOGE = amount(100_000_000n);
const payer: Signer = signer(new Uint8Array(32).fill(1));
const payee: Signer = signer(new Uint8Array(32).fill(2));

export const offer: Offer = {
  kind: 'offer',
  coin,
  contract: contracts[0],
  signing: { kind: 'flexible', slot: 0 },
  closingMargin: 120,
  payeeScript: p2pkh(payee.publicKey),
  payeeKey: payee.publicKey,
  minDeposit: amount(DOGE),
  maxDeposit: amount(1000n * DOGE),
  minExpiry: height(2000),
  maxExpiry: height(9000),
  depth: [{ upTo: amount(1000n * DOGE), blocks: 3 }],
  nonce: new Uint8Array(16).fill(7),
};
export const terms: Terms = termsOf({ offer, payerKey: payer.publicKey, expiry: height(3000) });
export const channel: ChannelId = channelIdOf(coin, terms.contract.redeemScript(terms));

const funding: Transaction = {
  version: 2,
  inputs: [{ outpoint: { txid: txId('11'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0xffff_fffd }],
  outputs: [{ value: 100n * DOGE, script: terms.contract.outputScript(terms) }],
  lockTime: 0,
};
const fundings = new Map([[transactionId(funding), encodeTransaction(funding)]]);
export const deposits: readonly Deposit[] = [{ outpoint: { txid: transactionId(funding), vout: 0 }, value: amount(100n * DOGE) }];

export const announce: Announce = { kind: 'announce', offer, payerKey: payer.publicKey, expiry: terms.expiry, deposits };
const payment: Payment = signed();
const HASH = hash160(new Uint8Array(32));
const INVOICE_ID = 'ab'.repeat(16);
export const pay: Pay = { kind: 'payment', channel, payment, invoice: INVOICE_ID };
const agreement = { total: payment.total, payerScript: p2pkh(payer.publicKey), fee: amount(DOGE / 10n) };
export const end: End = { kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed(), payer) };

function signed(): Payment {
  const made = terms.contract.sign(terms, deposits, amount(3n * DOGE), payer);
  if (isRefusal(made)) throw new Error(made.message);
  return made;
}

function agreed(): Transaction {
  const made = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(made)) throw new Error(made.message);
  return made;
}

/** Every kind of request, with its PSBT where it has one. */
export const requests: readonly { readonly request: Request; readonly psbt?: Uint8Array }[] = [
  { request: { kind: 'offer-request' } },
  { request: announce, psbt: announcePsbt(terms, deposits, fundings) },
  { request: { kind: 'invoice-request', channel, item: 'tea' } },
  { request: pay, psbt: paymentPsbt(terms, deposits, payment, fundings) },
  { request: { kind: 'payment', channel, payment }, psbt: paymentPsbt(terms, deposits, payment, fundings) },
  { request: { kind: 'state-request', channel } },
  { request: { kind: 'join', channel, end } },
  { request: { kind: 'join', channel, end, transaction: agreed() } },
  { request: { kind: 'quote-request', channel, payee: 'https://far.example' } },
  { request: { kind: 'forward', channel, hash: HASH, next: channel, amount: amount(DOGE), invoice: INVOICE_ID } },
  { request: { kind: 'sync', channel } },
  { request: { kind: 'sync', channel, answer: { to: INVOICE_ID, reply: offer } } },
  { request: { kind: 'sync', channel, answer: { to: INVOICE_ID, reply: refuse('funding-missing') } } },
  { request: end, psbt: endPsbt(terms, deposits, end, fundings) },
];

const invoice: Invoice = {
  kind: 'invoice',
  id: INVOICE_ID,
  channel,
  item: 'tea',
  text: 'A cup of tea',
  amount: amount(DOGE),
  address: 'n1',
  expires: 1_900_000_000_000,
};
const receipt: Receipt = {
  kind: 'receipt',
  channel,
  total: payment.total,
  spent: ZERO,
  capacity: amount(100n * DOGE),
  invoice: INVOICE_ID,
};
const state: State = { kind: 'state', channel, status: 'open', capacity: amount(100n * DOGE), spent: ZERO, deposits, best: payment };
const ended: Ended = { kind: 'ended', channel, transaction: agreed() };

/** What a payee answers to each kind of request when all is well. */
export const replies: Readonly<Record<Request['kind'], readonly [Reply, ...Reply[]]>> = {
  'offer-request': [offer],
  announce: [
    { kind: 'accepted', channel, capacity: amount(100n * DOGE) },
    { kind: 'provisional', channel, waitingFor: refuse('funding-unconfirmed', { depth: 1, needed: 3 }) },
  ],
  'invoice-request': [invoice],
  payment: [receipt, { kind: 'receipt', channel, total: payment.total, spent: ZERO, capacity: receipt.capacity }],
  'state-request': [state, { ...state, status: 'ended', ending: agreed() }],
  end: [ended],
  join: [
    { kind: 'joined', channel, end },
    { kind: 'joined', channel, transaction: agreed() },
  ],
  'quote-request': [{ kind: 'quote', channel, next: channel, base: amount(1_000n), perMille: 5, expiry: height(2_000) }],
  forward: [
    { kind: 'forwarded', channel, status: 'forwarding' },
    { kind: 'forwarded', channel, status: 'failed', refusal: 'channel-ending' },
  ],
  sync: [
    { kind: 'asks', channel },
    ...[
      { kind: 'offer-request' } as const,
      announce,
      { kind: 'payment', channel, payment } as const,
      end,
      { kind: 'state-request', channel } as const,
    ].map((request): Reply => ({ kind: 'asks', channel, ask: { id: INVOICE_ID, request } })),
  ],
};

export interface FakePayee extends RequestHandler {
  /** What it was asked, in order. */
  readonly asked: Request[];
}

/** A payee that knows one channel and answers as it is told; as all is well, unless told otherwise. `added`: what it says of a payment. */
export function fakePayee(
  reply: (request: Request) => Reply | Promise<Reply> = ({ kind }) => replies[kind][0],
  added: () => Amount = () => DOGE,
): FakePayee {
  const asked: Request[] = [];
  const answer = async (request: Request): Promise<Reply> => {
    asked.push(request);
    return reply(request);
  };
  return {
    asked,
    answer,
    pay: async (request) => {
      const given = await answer(request);
      if (isRefusal(given)) return given;
      if (given.kind !== 'receipt') throw new Error('a payment is answered by a receipt or a refusal');
      return { kind: 'taken', receipt: given, added: added() };
    },
    room: async () => MAX_PSBT_BYTES,
    readPsbt: async (kind, bytes) => {
      const psbt = decodePsbt(bytes);
      if (isRefusal(psbt)) return psbt;
      return (kind === 'payment' ? readPayment : readEnd)(psbt, terms, deposits);
    },
  };
}
