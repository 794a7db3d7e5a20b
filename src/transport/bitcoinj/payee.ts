import type { Amount } from '../../core/base/amount.ts';
import type { ChannelId, TxId } from '../../core/base/bytes.ts';
import type { Refusal } from '../../core/base/refusal.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import type { Contract } from '../../core/contract/contract.ts';
import type { Offer, Pay } from '../../core/message/message.ts';
import type { Signature, Verify } from '../../core/tx/sign.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import type { Broadcast } from '../../engine/ports.ts';
import type { RequestHandler, TakenPayment } from '../request-handler.ts';
import type { RefundToSign } from './sign-refund.ts';

/** The part of a payee that the bitcoinj protocol needs. Every call throws `WorldError` when node or store can't be relied on. */
export interface BitcoinjPayee extends Pick<RequestHandler, 'answer'> {
  /** Accepts a payment; the shop delivers for what it added at once, so nothing becomes credit. */
  readonly increment: (pay: Pay) => Promise<TakenPayment | Refusal>;
  /** The least first payment of a channel, as clients are told. */
  readonly minPayment: Amount;
  /** The terms of a new channel with the lifetime that the client asked for, in seconds; nothing is stored. */
  readonly offer: (contract: Contract, window: number) => Offer;
  /** Signs the refund of an output at the offer's only expiry: where the contract needs that, before there is a channel. */
  readonly release: (offer: Offer, refundable: Pick<RefundToSign, 'payerKey' | 'outpoint'>) => Signature;
  /** The channel whose deposit this transaction made, if it has this contract and still accepts payments. */
  readonly resumable: (funding: TxId, contract: Contract) => Promise<ChannelId | undefined>;
  readonly state: (channel: ChannelId) => Promise<PayeeState | undefined>;
  readonly verify: Verify;
  /** Unpredictable bytes, different each time: a client that resumes a channel signs them to prove its key. */
  readonly nonce: () => Uint8Array;
  readonly broadcast: (transaction: Transaction) => Promise<Broadcast>;
  /** Settles now, with the best payment. */
  readonly close: (channel: ChannelId) => Promise<Transaction | Refusal>;
  /** Reports every state of a channel from now on, until the returned function is called. */
  readonly watch: (channel: ChannelId, listener: (state: PayeeState) => void) => () => void;
  readonly shop: BitcoinjShop;
}

/**
 * How an application reacts to payments. Each call is made once the state is stored. An application that must not miss one compares totals after a
 * crash.
 */
export interface BitcoinjShop {
  /** The channel's payer is connected and has proved its key. */
  readonly opened?: (channel: ChannelId) => void;
  /**
   * The total has risen by the amount of the commit that stored it. The result is sent with the acknowledgement. If the promise is rejected, the
   * client is told, and the payment still counts. The channel waits until the promise is settled.
   */
  readonly paid?: (payment: Increment) => Promise<Uint8Array | undefined>;
  /** The connection has ended; the channel can be resumed unless there is a settlement. */
  readonly closed?: (channel: ChannelId, settlement: Transaction | undefined) => void;
}

export interface Increment {
  readonly channel: ChannelId;
  readonly by: Amount;
  readonly total: Amount;
  /** Data from the client that it has not signed. */
  readonly info?: Uint8Array;
}
