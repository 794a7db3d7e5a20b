import type { Amount } from '../../base/amount.ts';
import type { TxId } from '../../base/bytes.ts';
import type { PublicKey } from '../../tx/sign.ts';
import type { ErrorCode } from './schema.ts';

/** The longest body of a frame, in either direction. */
export const MAX_BITCOINJ_BYTES = 32_767;

/** Lifetime of a channel in seconds when the client gives none. */
export const DEFAULT_WINDOW = 86_340;

/** The client's first message: its version, the lifetime of its channel in seconds, and the contract of the channel that it resumes. */
export interface ClientVersion {
  readonly kind: 'client-version';
  readonly major: number;
  readonly minor: number;
  readonly window?: number;
  readonly previous?: TxId;
}

export interface ServerVersion {
  readonly kind: 'server-version';
  readonly major: number;
  readonly minor: number;
  /** A client that resumes a channel proves its key by signing this. Pawment's own; bitcoinj ignores it. */
  readonly nonce?: Uint8Array;
}

/** The server's terms for a new channel. `expiry` is Unix time in seconds. */
export interface Initiate {
  readonly kind: 'initiate';
  readonly payeeKey: PublicKey;
  readonly minCapacity: Amount;
  readonly expiry: number;
  readonly minPayment: Amount;
}

/** Version 1: the unsigned refund, a transaction in legacy form. */
export interface ProvideRefund {
  readonly kind: 'provide-refund';
  readonly payerKey: PublicKey;
  readonly refund: Uint8Array;
}

/** Version 1: the server's signature over the refund, DER and hash type. */
export interface ReturnRefund {
  readonly kind: 'return-refund';
  readonly signature: Uint8Array;
}

/** What the client keeps, and its signature over that (DER and hash type). */
export interface Update {
  readonly change: Amount;
  readonly signature: Uint8Array;
  readonly info?: Uint8Array;
}

/** The signed contract and the first payment in it. Only version 2 has the key. */
export interface ProvideContract {
  readonly kind: 'provide-contract';
  readonly contract: Uint8Array;
  readonly initial: Update;
  readonly payerKey?: PublicKey;
}

export interface ChannelOpen {
  readonly kind: 'channel-open';
}

export interface UpdatePayment extends Update {
  readonly kind: 'update-payment';
}

/** From the client: settle. From the server: the settlement; without one, it only ends the connection. */
export interface Close {
  readonly kind: 'close';
  readonly settlement?: Uint8Array;
  /** The client's signature of `proofDigest`, 64 bytes. Pawment's own. */
  readonly proof?: Uint8Array;
}

export type BitcoinjErrorCode = keyof typeof ErrorCode;

/** Ends the connection. `expected` belongs to `MIN_PAYMENT_TOO_LARGE`. */
export interface BitcoinjError {
  readonly kind: 'error';
  readonly code: BitcoinjErrorCode;
  readonly explanation?: string;
  readonly expected?: Amount;
  /** The best payment, for a client whose own signature shows that it has forgotten it. Pawment's own. */
  readonly best?: Update;
}

export interface PaymentAck {
  readonly kind: 'payment-ack';
  readonly info?: Uint8Array;
}

/** All messages between two bitcoinj peers. */
export type BitcoinjMessage =
  | ClientVersion
  | ServerVersion
  | Initiate
  | ProvideRefund
  | ReturnRefund
  | ProvideContract
  | ChannelOpen
  | UpdatePayment
  | Close
  | BitcoinjError
  | PaymentAck;
