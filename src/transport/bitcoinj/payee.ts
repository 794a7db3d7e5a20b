import type { Amount } from '../../core/base/amount.ts';
import type { ChannelId, TxId } from '../../core/base/bytes.ts';
import type { Refusal } from '../../core/base/refusal.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import type { Contract } from '../../core/contract/contract.ts';
import type { Offer } from '../../core/message/message.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import type { Broadcast } from '../../engine/ports.ts';
import type { Responder } from '../responder.ts';

/** The payee behind a bitcoinj server, as far as the protocol needs it. Every call throws `WorldError` when node or store can't be relied on. */
export interface BitcoinjPayee extends Pick<Responder, 'answer'> {
  /** What the first payment of a channel must be at least, as clients are told. */
  readonly minPayment: Amount;
  /** What a new channel is made under. The client asked for so many seconds; nothing is stored. */
  readonly offer: (contract: Contract, window: number) => Offer;
  /** The channel whose first deposit this transaction made. */
  readonly channelOf: (funding: TxId) => ChannelId | undefined;
  readonly state: (channel: ChannelId) => Promise<PayeeState | undefined>;
  readonly broadcast: (transaction: Transaction) => Promise<Broadcast>;
  /** Settles now, with the best payment. */
  readonly close: (channel: ChannelId) => Promise<Transaction | Refusal>;
  /** Tells of every state of a channel from now on, until the returned function is called. */
  readonly watch: (channel: ChannelId, listener: (state: PayeeState) => void) => () => void;
  readonly shop: BitcoinjShop;
}

/** What an application does about payments. */
export interface BitcoinjShop {
  readonly opened?: (channel: ChannelId) => void;
  /** The total has risen. What is returned goes back with the acknowledgement; a rejection is told the client, and the payment counts all the same. */
  readonly paid?: (payment: Increment) => Promise<Uint8Array | undefined>;
  readonly closed?: (channel: ChannelId, settlement: Transaction | undefined) => void;
}

export interface Increment {
  readonly channel: ChannelId;
  readonly by: Amount;
  readonly total: Amount;
  /** What the client sent along. */
  readonly info?: Uint8Array;
}
