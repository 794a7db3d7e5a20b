import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Asset } from '../asset/asset-codec.ts';
import type { Amount } from '../base/amount.ts';
import { bytesToHex, type ChannelId, concatBytes } from '../base/bytes.ts';
import type { Height, LockTime } from '../base/height.ts';
import type { Refusal } from '../base/refusal.ts';
import type { Coin, DepthStep } from '../coin/coin.ts';
import type { Agreement } from '../contract/agreement.ts';
import type { Contract, Deposit, Payment, RevocationHash, Signing } from '../contract/contract.ts';
import type { PaymentHash } from '../contract/pending.ts';
import type { RevocationSecrets } from '../contract/revocation-secrets.ts';
import type { PublicKey, Signature } from '../tx/sign.ts';
import type { Transaction } from '../tx/transaction.ts';
import type { Forward, Forwarded, Quote, QuoteRequest } from './hub-message.ts';
import type { Proof } from './key-proof.ts';

export type { Forward, Forwarded, Quote, QuoteRequest } from './hub-message.ts';

/** Who made an offer, and for how long. */
export interface Origin {
  /** Id of the payee's store, sixteen bytes: another store of the same seed does not know the channel. */
  readonly store: Uint8Array;
  /** The last block in which a first deposit may be mined or announced. */
  readonly until: Height;
}

/** What a payee would agree to. Its key is derived from all the other fields, so a changed offer names a key that nobody has. */
export interface OfferedTerms {
  readonly coin: Coin;
  readonly contract: Contract;
  readonly signing: Signing;
  readonly closingMargin: number;
  readonly payeeScript: Uint8Array;
  readonly minDeposit: Amount;
  readonly maxDeposit: Amount;
  readonly minExpiry: LockTime;
  readonly maxExpiry: LockTime;
  /** Confirmations asked for, by the size of the deposit. */
  readonly depth: readonly DepthStep[];
  /** How much is delivered before the deposits are deep enough; deposits are then accepted from the mempool. Nothing unless given. */
  readonly unconfirmed?: Amount;
  /** Absent in offers of earlier versions, and in those that never leave the program that made them. */
  readonly origin?: Origin;
  /** `RevocationTerms.payoutDelay`, where payments can be taken back. */
  readonly payoutDelay?: number;
  /** `AgeLock.blocks` of a channel with the earliest expiry, where deposits are locked by their age; each block that it expires later adds one. */
  readonly refundAge?: number;
  /** `Terms.asset`: amounts are of it, and the payee's indexer has to know so much of it at the channel's script. */
  readonly asset?: Asset;
  /** Sixteen random bytes: so no two offers, and no two keys, are equal. */
  readonly nonce: Uint8Array;
}

/** Seed step 2: the answer to a request for a channel. */
export interface Offer extends OfferedTerms {
  readonly kind: 'offer';
  readonly payeeKey: PublicKey;
  /** `AgeLock.spendHash`, where deposits are locked by their age. Of a secret that follows from the key. */
  readonly spendHash?: Uint8Array;
}

/** Seed step 3: the channel that the payer has made, or will fund, under an offer. Sent again with every further deposit. */
export interface Announce {
  readonly kind: 'announce';
  readonly offer: Offer;
  readonly payerKey: PublicKey;
  readonly expiry: LockTime;
  /** All deposits of the channel, oldest first. */
  readonly deposits: readonly Deposit[];
  /** `RevocationTerms.penaltyKey`, where payments can be taken back. */
  readonly penaltyKey?: PublicKey;
}

/** Added to the payee's answer about deposits if the contract needs it: its signatures over their refunds, in the same order. */
export interface Releasing {
  readonly releases?: readonly Signature[];
}

/** Seed step 4. */
export interface Accepted extends Releasing {
  readonly kind: 'accepted';
  readonly channel: ChannelId;
  readonly capacity: Amount;
  /** The hash for payments, where they can be taken back. */
  readonly hash?: RevocationHash;
}

/** The terms are good, but the deposit does not count yet. The payee has stored nothing. */
export interface Provisional extends Releasing {
  readonly kind: 'provisional';
  readonly channel: ChannelId;
  readonly waitingFor: Refusal;
}

export interface InvoiceRequest {
  readonly kind: 'invoice-request';
  readonly channel: ChannelId;
  readonly item: string;
  /** Asks for one with a hash, to be paid through a hub that is the channel's payer. */
  readonly isPending?: true;
  /** Refused without one, unless it is for one with a hash. */
  readonly proof?: Proof;
}

/** Seed step 5: what to pay, and to whom. */
export interface Invoice {
  readonly kind: 'invoice';
  /** 32 lowercase hex digits. */
  readonly id: string;
  readonly channel: ChannelId;
  readonly item: string;
  readonly text: string;
  /** What this purchase adds to the total. */
  readonly amount: Amount;
  /** The payee's address, the same as in the offer. */
  readonly address: string;
  /** Unix time in milliseconds after which payments for it are refused. */
  readonly expires: number;
  /** The payee shows its preimage for an amount that is pending under it. */
  readonly hash?: PaymentHash;
}

/** Seed step 6. */
export interface Pay {
  readonly kind: 'payment';
  readonly channel: ChannelId;
  readonly payment: Payment;
  readonly invoice?: string;
  /** With a payment that is handed over: the last secret that the payee has shown, for a payee that was set back to before that (BOLT 2's data loss protection). */
  readonly lastSecret?: RevocationSecrets[number];
}

/** The payment is stored for good. `spent` of the total has bought something; the rest is the payer's credit. */
export interface Receipt {
  readonly kind: 'receipt';
  readonly channel: ChannelId;
  readonly total: Amount;
  readonly spent: Amount;
  readonly capacity: Amount;
  readonly invoice?: string;
  /** Revokes all payments made under the hash before that of this one, which gave money back. */
  readonly secret?: Uint8Array;
  /** How much the payee wants to give back: what to sign for that is in its state. */
  readonly giveBack?: Amount;
  /** The hashes of what is pending in the payment. */
  readonly pending?: readonly PaymentHash[];
  /** Preimages that the payee has for them: it is paid once the payer settles them. */
  readonly preimages?: readonly Uint8Array[];
}

/** Asks for the payee's state of the channel: after a lost reply or a restart. */
export interface StateRequest {
  readonly kind: 'state-request';
  readonly channel: ChannelId;
  /** Refused without one. */
  readonly proof?: Proof;
}

export interface State extends Releasing {
  readonly kind: 'state';
  readonly channel: ChannelId;
  readonly status: 'open' | 'paused' | 'closing' | 'ended';
  readonly capacity: Amount;
  readonly spent: Amount;
  readonly deposits: readonly Deposit[];
  /** The best payment, for the payer to check against its own signature. */
  readonly best?: Payment;
  /** The transaction that ends the channel, once there is one. */
  readonly ending?: Transaction;
  readonly revocation?: RevocationState;
  /** As in the receipt, of what is pending or was a short time ago. */
  readonly preimages?: readonly Uint8Array[];
  /** Hashes of pending amounts that the payee has given up: the next payment may leave them out. */
  readonly failed?: readonly PaymentHash[];
}

/** How the payee sees what can be taken back. */
export interface RevocationState {
  /** The hash for payments now. */
  readonly hash: RevocationHash;
  /** From these follow all secrets that were shown: the last of them is the last that was. Absent while none was. */
  readonly secrets?: RevocationSecrets;
  /** The total that the payee wants to go down to, and the hash for it. */
  readonly giveBack?: { readonly total: Amount; readonly hash: RevocationHash };
}

/** Asks to end at once, with the payer's signatures over the agreed transaction. */
export interface End {
  readonly kind: 'end';
  readonly channel: ChannelId;
  readonly agreement: Agreement;
  readonly signatures: readonly Signature[];
}

/** The agreed end, signed by both; each side may broadcast it. */
export interface Ended {
  readonly kind: 'ended';
  readonly channel: ChannelId;
  readonly transaction: Transaction;
}

export interface OfferRequest {
  readonly kind: 'offer-request';
}

/** What a payer may be asked as the payee of a channel the other way. */
export type OppositeRequest = OfferRequest | Announce | Pay | StateRequest | End;
export type OppositeReply = Exclude<Reply, Invoice | Asks | Joined | Quote | Forwarded>;

/** The payer, whom nobody can call, answers what it was asked last, and asks what is next. */
export interface Sync {
  readonly kind: 'sync';
  readonly channel: ChannelId;
  readonly answer?: SyncAnswer;
  /** Covers the answer too. Refused without one. */
  readonly proof?: Proof;
}

export interface SyncAnswer {
  /** The id of what was asked. */
  readonly to: string;
  readonly reply: OppositeReply;
}

/** What the payee of a channel asks its payer, as the payer of a channel the other way; without `ask` there is nothing more to say. */
export interface Asks {
  readonly kind: 'asks';
  readonly channel: ChannelId;
  readonly ask?: Ask;
}

export interface Ask {
  /** 32 random hex digits: so no answer fits another question, and none fits twice. */
  readonly id: string;
  readonly request: OppositeRequest;
}

/**
 * Asks to end a channel and the one the other way in one transaction. First with the own end alone, which the payee answers with its own; then with the
 * ends of both in one transaction, and with that transaction as the payer signed it as a payee.
 */
export interface Join {
  readonly kind: 'join';
  readonly channel: ChannelId;
  /** Its agreement does not contain the other channel's part, which both sides know. */
  readonly end: End;
  readonly transaction?: Transaction;
}

/** First the end of the channel the other way, signed as a part of the one transaction; then that transaction, signed by both for both channels. */
export interface Joined {
  readonly kind: 'joined';
  readonly channel: ChannelId;
  readonly end?: End;
  readonly transaction?: Transaction;
}

/** All messages from a payer to a payee. */
export type Request = OfferRequest | Announce | InvoiceRequest | Pay | StateRequest | End | Sync | Join | QuoteRequest | Forward;
/** All answers of a payee. */
export type Reply = Offer | Accepted | Provisional | Invoice | Receipt | State | Ended | Asks | Joined | Quote | Forwarded | Refusal;
export type Message = Request | Reply;

const OFFER_TAG = utf8ToBytes('pawment/offer/1');

/** SHA-256 over all terms of an offer except its key: the name from which the payee derives that key. 64 hex digits. */
export function offerDigest(terms: OfferedTerms): string {
  const { signing } = terms;
  const fields = [
    terms.coin.genesis,
    terms.contract.id,
    signing.kind,
    signing.kind === 'flexible' ? signing.slot : signing.fee,
    terms.closingMargin,
    bytesToHex(terms.payeeScript),
    terms.minDeposit,
    terms.maxDeposit,
    terms.minExpiry,
    terms.maxExpiry,
    terms.depth.map(({ upTo, blocks }) => `${upTo}/${blocks}`).join(','),
    bytesToHex(terms.nonce),
    ...(terms.unconfirmed === undefined ? [] : [terms.unconfirmed]),
    ...(terms.payoutDelay === undefined ? [] : [`+${terms.payoutDelay}`]),
    ...(terms.refundAge === undefined ? [] : [`@${terms.refundAge}`]),
    ...(terms.asset === undefined ? [] : [`${terms.asset.codec.id}:${terms.asset.number}`]),
    ...(terms.origin === undefined ? [] : [`${bytesToHex(terms.origin.store)}/${terms.origin.until}`]),
  ];
  // No field contains the separator: they are hex, decimal numbers and ids.
  return bytesToHex(sha256(concatBytes(OFFER_TAG, utf8ToBytes(fields.join('|')))));
}
