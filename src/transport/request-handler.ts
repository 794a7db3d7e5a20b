import type { Amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { Refusal } from '../core/base/refusal.ts';
import type { Pay, Receipt, Reply, Request } from '../core/message/message.ts';

/** A payment that is stored for good. */
export interface TakenPayment {
  readonly kind: 'taken';
  /** The same whenever the payment is sent again: so it is no reason to deliver anything. */
  readonly receipt: Receipt;
  /** What this payment's own commit added to all that was paid before; nothing if the payment was stored already. Deliver goods for this amount. */
  readonly added: Amount;
}

/** The part of a payee that a transport needs. */
export interface RequestHandler {
  /** Answers one message. @throws WorldError when node or store can't be relied on. */
  readonly answer: (request: Request) => Promise<Reply>;
  /** Answers a payment, and says what it added. @throws WorldError as `answer`. */
  readonly pay: (pay: Pay) => Promise<TakenPayment | Refusal>;
  /** The most bytes of a PSBT of a channel; a refusal if there is no such channel, before the PSBT is read. */
  readonly room: (channel: ChannelId) => Promise<number | Refusal>;
  /** Reads a PSBT as the payment, or the end, of its channel. */
  readonly readPsbt: (kind: 'payment' | 'end', psbt: Uint8Array) => Promise<Request | Refusal>;
}
