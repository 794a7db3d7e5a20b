import assert from 'node:assert/strict';
import { type Amount, amount, ZERO } from '../../../src/core/base/amount.ts';
import { bytesToHex } from '../../../src/core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../../src/core/base/refusal.ts';
import { termsOf } from '../../../src/core/channel/payee-open.ts';
import type { Coin } from '../../../src/core/coin/coin.ts';
import { type Contract, channelIdOf, type Deposit, type Payment, type Signing, type Terms } from '../../../src/core/contract/contract.ts';
import { newSignatures } from '../../../src/core/contract/payment-signatures.ts';
import { closeSize } from '../../../src/core/contract/tx-size.ts';
import { decodeAnnounce, decodeEnd, decodePay, encodeAnnounce, encodeEnd, encodePay } from '../../../src/core/message/compact.ts';
import type { Announce, End, Offer, Pay } from '../../../src/core/message/message.ts';
import { decodePsbt, type FundingTransactions } from '../../../src/core/message/psbt-codec.ts';
import { announcePsbt, endPsbt, paymentPsbt, readAnnounce, readEnd, readPayment } from '../../../src/core/message/psbt-payment.ts';
import { verifyPortable } from '../../../src/core/tx/sign.ts';
import { contractsOn, must, payerKey, returnScript, sampleFunding, sampleOffer, sampleTerms } from '../../world/sample.ts';
import type { Register } from './register.ts';

/** What both sides know of a channel beside the message itself. */
export interface Channel {
  readonly terms: Terms;
  readonly offer: Offer;
  readonly deposits: readonly Deposit[];
  readonly funding: FundingTransactions;
  /** The best payment that the payee holds. */
  readonly held?: Payment;
}

/** A form that signed messages take between a payer and a payee who know the channel. */
export interface Codec {
  readonly name: string;
  readonly announce: Form<Announce>;
  readonly payment: Form<Pay>;
  readonly end: Form<End>;
}

interface Form<Message> {
  readonly encode: (channel: Channel, message: Message) => Uint8Array;
  readonly decode: (channel: Channel, bytes: Uint8Array) => Message | Refusal;
}

export const compact: Codec = {
  name: 'compact',
  announce: {
    encode: (_, message) => encodeAnnounce(message),
    decode: ({ offer }, bytes) => {
      const announce = decodeAnnounce(bytes);
      return isRefusal(announce) ? announce : { ...announce, offer };
    },
  },
  payment: {
    // Only what the payee does not hold goes over the wire.
    encode: ({ terms, deposits, held }, { payment, channel, kind }) =>
      encodePay({ kind, channel, payment: { ...payment, signatures: newSignatures(terms, deposits, payment, held) } }),
    decode: (_, bytes) => decodePay(bytes),
  },
  end: { encode: (_, message) => encodeEnd(message), decode: (_, bytes) => decodeEnd(bytes) },
};

export const psbt: Codec = {
  name: 'psbt',
  announce: {
    encode: ({ terms, funding }, { deposits }) => announcePsbt(terms, deposits, funding),
    decode: ({ offer }, bytes) => {
      const read = decodePsbt(bytes);
      return isRefusal(read) ? read : readAnnounce(read, offer);
    },
  },
  payment: {
    encode: ({ terms, deposits, funding }, { payment }) => paymentPsbt(terms, deposits, payment, funding),
    decode: ({ terms, deposits }, bytes) => {
      const read = decodePsbt(bytes);
      return isRefusal(read) ? read : readPayment(read, terms, deposits);
    },
  },
  end: {
    encode: ({ terms, deposits, funding }, end) => endPsbt(terms, deposits, end, funding),
    decode: ({ terms, deposits }, bytes) => {
      const read = decodePsbt(bytes);
      return isRefusal(read) ? read : readEnd(read, terms, deposits);
    },
  },
};

/** Every form there is. */
export const codecs: readonly Codec[] = [compact, psbt];

/** A payment worth testing: a total, and what the payee holds when it comes. */
interface Payable {
  readonly name: string;
  readonly deposits: readonly bigint[];
  readonly held?: bigint;
  readonly total: bigint;
}

/** Whole multiples of the unit, which is large enough to leave no dust. */
function payables(unit: bigint, spare: bigint): readonly Payable[] {
  return [
    { name: 'the first from one deposit', deposits: [10n * unit], total: unit },
    { name: 'a later one', deposits: [10n * unit], held: unit, total: 2n * unit + 1n },
    { name: 'the last unit of one deposit', deposits: [10n * unit], total: 10n * unit - spare },
    { name: 'across into the second deposit', deposits: [10n * unit, 5n * unit], held: unit, total: 12n * unit },
    { name: 'within the second deposit', deposits: [10n * unit, 5n * unit], held: 12n * unit, total: 13n * unit },
    { name: 'to the last unit of two', deposits: [10n * unit, 5n * unit], held: 12n * unit, total: 15n * unit - spare },
    { name: 'across three at once', deposits: [2n * unit, 2n * unit, 5n * unit], total: 7n * unit },
  ];
}

const COIN = 100_000_000n;

interface Kind {
  readonly coin: Coin;
  readonly contract: Contract;
  readonly signing: Signing;
}

function channelOf(kind: Kind, values: readonly bigint[], held?: bigint): Channel {
  const terms = sampleTerms(kind);
  const { deposits, transactions } = sampleFunding(terms, values);
  const channel = { terms, offer: sampleOffer(terms), deposits, funding: transactions };
  return held === undefined ? channel : { ...channel, held: signed(channel, held) };
}

/** Under which payments are made, where they can be taken back. */
const HASH = new Uint8Array(20).fill(0x5a);

function signed({ terms, deposits }: Channel, total: bigint): Payment {
  const { contract } = terms;
  return must(contract.sign(terms, deposits, amount(total), payerKey, contract.revocation && HASH));
}

function payOf(channel: Channel, total: bigint): Pay {
  const { terms } = channel;
  const payment = signed(channel, total);
  return { kind: 'payment', channel: channelIdOf(terms.coin, terms.contract.redeemScript(terms)), payment };
}

function endOf({ terms, deposits }: Channel, total: Amount): End {
  const fee = amount((BigInt(closeSize(terms, deposits.length, 2)) * terms.coin.policy.feeRate) / 1000n + 1n);
  const agreement = { total, payerScript: returnScript, fee };
  const agreed = must(terms.contract.agree(terms, deposits, agreement));
  const channel = channelIdOf(terms.coin, terms.contract.redeemScript(terms));
  return { kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed, payerKey) };
}

/** The payment as the payee keeps it: whole, and checked. */
function taken({ terms, deposits, held }: Channel, { payment }: Pay): Payment {
  return must(terms.contract.verify(terms, deposits, payment, held, verifyPortable));
}

function kindsOf(coin: Coin): readonly Kind[] {
  const size = Math.max(...contractsOn(coin).map((contract) => closeSize(sampleTerms({ coin, contract }), 3, 2)));
  const fee = amount((BigInt(size) * coin.policy.feeRate) / 1000n + 1n);
  const signings: readonly Signing[] = [
    { kind: 'flexible', slot: 0 },
    { kind: 'fixed', fee },
  ];
  return contractsOn(coin).flatMap((contract) => signings.filter(fitting(contract)).map((signing) => ({ coin, contract, signing })));
}

/** The kinds of signatures that a contract has terms for. */
export function fitting({ revocation }: Contract): (signing: Signing) => boolean {
  return ({ kind }) => revocation === undefined || kind === 'fixed';
}

function announcementOf({ terms, offer, deposits }: Channel): Announce {
  const { payerKey: own, expiry, revocation } = terms;
  return { kind: 'announce', offer, payerKey: own, expiry, deposits, ...(revocation && { penaltyKey: revocation.penaltyKey }) };
}

/** Every message in every form, under every contract and both kinds of signatures: the same comes out, and writes the same again. */
export function codecSuite(register: Register, coin: Coin): void {
  for (const kind of kindsOf(coin)) {
    const label = `${kind.contract.id}, ${kind.signing.kind}`;
    const spare = kind.signing.kind === 'fixed' ? kind.signing.fee : 0n;
    for (const values of [[10n * COIN], [10n * COIN, 5n * COIN, COIN]]) {
      register(`${label}: announcement of ${values.length}`, async () => announces(channelOf(kind, values)));
      register(`${label}: end of ${values.length} at zero and at a total`, async () => ends(channelOf(kind, values)));
    }
    for (const payable of payables(COIN, spare)) {
      register(`${label}: payment, ${payable.name}`, async () => pays(channelOf(kind, payable.deposits, payable.held), payable.total));
    }
    if (kind.contract.revocation)
      register(`${label}: what gives all back has one form`, async () => givesAllBack(channelOf(kind, [10n * COIN])));
    register(`${label}: no codec takes what is cut, longer, or of another kind`, async () => refuses(channelOf(kind, [10n * COIN])));
  }
}

function announces(channel: Channel): void {
  const { terms } = channel;
  const announce = announcementOf(channel);
  const read = codecs.map((codec) => throughBytes(codec.announce, channel, announce));
  for (const one of read) {
    assert.deepEqual(one, announce);
    assert.deepEqual(terms.contract.redeemScript(termsOf(one)), terms.contract.redeemScript(terms));
    assert.deepEqual(termsOf(one).revocation, terms.revocation);
  }
}

/** Both forms lead to the same whole payment, and so to the same transaction to the byte. */
function pays(channel: Channel, total: bigint): void {
  const { terms, deposits } = channel;
  const pay = payOf(channel, total);
  const kept = codecs.map((codec) => taken(channel, throughBytes(codec.payment, channel, pay)));
  for (const payment of kept) assert.deepEqual(payment, pay.payment);
  const drafts = kept.map(({ total: paid, hash }) => terms.contract.draft(terms, must(terms.contract.plan(terms, deposits, paid, hash))));
  for (const draft of drafts) assert.deepEqual(draft, drafts[0]);
}

/** There is no transaction of it, and so no PSBT. */
function givesAllBack(channel: Channel): void {
  const { terms } = channel;
  const payment = { total: ZERO, signatures: [], hash: HASH };
  const pay: Pay = { kind: 'payment', channel: channelIdOf(terms.coin, terms.contract.redeemScript(terms)), payment };
  assert.deepEqual(throughBytes(compact.payment, channel, pay), pay);
  assert.throws(() => psbt.payment.encode(channel, pay));
}

function ends(channel: Channel): void {
  const { terms, deposits } = channel;
  for (const total of [ZERO, amount(3n * COIN)]) {
    const end = endOf(channel, total);
    for (const codec of codecs) {
      const read = throughBytes(codec.end, channel, end);
      assert.deepEqual(read, end);
      const agreed = must(terms.contract.agree(terms, deposits, read.agreement));
      assert.ok(terms.contract.verifyAgreement(terms, agreed, read.signatures, verifyPortable));
    }
  }
}

function throughBytes<Message>(form: Form<Message>, channel: Channel, message: Message): Message {
  const bytes = form.encode(channel, message);
  const read = must(form.decode(channel, bytes));
  assert.equal(bytesToHex(form.encode(channel, read)), bytesToHex(bytes));
  return read;
}

function refuses(channel: Channel): void {
  const { terms } = channel;
  const announce = announcementOf(channel);
  const [pay, end] = [payOf(channel, COIN), endOf(channel, ZERO)];
  for (const codec of codecs) {
    const forms = [
      { kind: 'announce', bytes: codec.announce.encode(channel, announce), decode: codec.announce.decode },
      { kind: 'payment', bytes: codec.payment.encode(channel, pay), decode: codec.payment.decode },
      { kind: 'end', bytes: codec.end.encode(channel, end), decode: codec.end.decode },
    ];
    for (const { kind, bytes, decode } of forms) {
      assert.ok(!isRefusal(decode(channel, bytes)));
      assert.ok(isRefusal(decode(channel, Uint8Array.of(...bytes, 1))), 'longer');
      for (let length = 0; length < bytes.length; length++)
        assert.ok(isRefusal(decode(channel, bytes.subarray(0, length))), `cut at ${length}`);
      // A payment at a fixed fee signs ALL: as a PSBT it is an end at that total, to the byte, unless its output is held.
      const isFixed = terms.signing.kind === 'fixed' && terms.contract.revocation === undefined;
      const isEndToo = isFixed && codec === psbt && kind === 'payment';
      const others = forms.filter((form) => form.kind !== kind && !(isEndToo && form.kind === 'end'));
      for (const other of others) assert.ok(isRefusal(other.decode(channel, bytes)), `${kind} as ${other.kind}`);
    }
  }
}
