import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Amount } from '../base/amount.ts';
import { bytesToHex, type ChannelId } from '../base/bytes.ts';
import type { Height } from '../base/height.ts';
import type { PaymentHash } from '../contract/pending.ts';
import type { Proof } from './key-proof.ts';

/** Asks a hub, which is the payee of this channel, how somebody can be paid through it. Nothing is stored for that. */
export interface QuoteRequest {
  readonly kind: 'quote-request';
  readonly channel: ChannelId;
  /** The address of whoever is to be paid. */
  readonly payee: string;
  /** Refused without one. */
  readonly proof?: Proof;
}

/** What a payer has to know to pay somebody through a hub. */
export interface Quote {
  readonly kind: 'quote';
  readonly channel: ChannelId;
  /** The hub's own channel with the payee: who asks the payee for an invoice names it. */
  readonly next: ChannelId;
  /** What the hub takes: a base, and thousandths of what the payee gets, rounded up. */
  readonly base: Amount;
  readonly perMille: number;
  /** The least height of the payer's own lock. */
  readonly expiry: Height;
}

/** What a hub is to do with an amount that is pending in this channel. The same again tells how it stands. */
export interface Forward {
  readonly kind: 'forward';
  readonly channel: ChannelId;
  readonly hash: PaymentHash;
  /** The hub's own channel with the payee, as quoted: the payee's invoice is for that one. */
  readonly next: ChannelId;
  /** What the payee is to get, and its invoice. */
  readonly amount: Amount;
  readonly invoice: string;
  /** Covers the order too. Refused without one. */
  readonly proof?: Proof;
}

/** How it stands. `failed`: nothing of it can be claimed any more, and the hub has given it up; `refusal` says why. */
export interface Forwarded {
  readonly kind: 'forwarded';
  readonly channel: ChannelId;
  readonly status: 'forwarding' | 'failing' | 'revealed' | 'failed';
  readonly refusal?: string;
}

/** What the proof of an order covers: nobody else can send the payer's amount another way. */
export function saidInOrder({ hash, next, amount, invoice }: Omit<Forward, 'kind' | 'channel' | 'proof'>): Uint8Array {
  return utf8ToBytes(JSON.stringify([bytesToHex(hash), next, String(amount), invoice]));
}
