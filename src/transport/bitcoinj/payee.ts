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

/** The payee behind a bitcoinj server, as far as the protocol needs it. Every call throws `WorldError` when node or store can't be relied on. */
export interface BitcoinjPayee extends Pick<RequestHandler, 'answer'> {
  /** Takes a payment; the shop makes something of what it added at once: that is no credit. */
  readonly increment: (pay: Pay) => Promise<TakenPayment | Refusal>;
  /** What the first payment of a channel must be at least, as clients are told. */
  readonly minPayment: Amount;
  /** What a new channel is made under. The client asked for so many seconds; nothing is stored. */
  readonly offer: (contract: Contract, window: number) => Offer;
  /** Signs that the payer may have an output back at the offer's one expiry: where the contract asks for it, before there is a channel. */
  readonly release: (offer: Offer, refundable: Pick<RefundToSign, 'payerKey' | 'outpoint'>) => Signature;
  /** The channel whose deposit this transaction made, if it is of this contract and still takes payments. */
  readonly resumable: (funding: TxId, contract: Contract) => Promise<ChannelId | undefined>;
  readonly state: (channel: ChannelId) => Promise<PayeeState | undefined>;
  readonly verify: Verify;
  /** Unpredictable bytes, others each time: what a client that goes on with a channel signs to show its key. */
  readonly nonce: () => Uint8Array;
  readonly broadcast: (transaction: Transaction) => Promise<Broadcast>;
  /** Settles now, with the best payment. */
  readonly close: (channel: ChannelId) => Promise<Transaction | Refusal>;
  /** Tells of every state of a channel from now on, until the returned function is called. */
  readonly watch: (channel: ChannelId, listener: (state: PayeeState) => void) => () => void;
  readonly shop: BitcoinjShop;
}

/** What an application does about payments. Each call is made once the state is stored: who must miss none compares totals after a crash. */
export interface BitcoinjShop {
  /** Whoever pays in the channel is connected, and has shown the payer's key. */
  readonly opened?: (channel: ChannelId) => void;
  /**
   * The total has risen, by what the commit that stored it says. What is returned goes back with the acknowledgement; a rejection is told the client, and the payment counts all the same.
   * Nothing else happens in the channel until it is settled.
   */
  readonly paid?: (payment: Increment) => Promise<Uint8Array | undefined>;
  /** That connection is over; the channel can be gone on with unless a settlement is given. */
  readonly closed?: (channel: ChannelId, settlement: Transaction | undefined) => void;
}

export interface Increment {
  readonly channel: ChannelId;
  readonly by: Amount;
  readonly total: Amount;
  /** What the client sent along, which it has not signed. */
  readonly info?: Uint8Array;
}
