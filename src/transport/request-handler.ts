import type { Amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { Refusal } from '../core/base/refusal.ts';
import type { Pay, Receipt, Reply, Request } from '../core/message/message.ts';

/** A payment that is stored for good. */
export interface TakenPayment {
  readonly kind: 'taken';
  /** The same whenever the payment is sent again: no reason to deliver anything. */
  readonly receipt: Receipt;
  /** What the commit behind this very answer put on top of all that was paid before; nothing where the payment was stored already. Goods are for this. */
  readonly added: Amount;
}

/** The payee behind a transport, as far as a transport needs it. */
export interface RequestHandler {
  /** Answers one message. @throws WorldError when node or store can't be relied on. */
  readonly answer: (request: Request) => Promise<Reply>;
  /** Answers a payment, and says what it added. @throws WorldError as `answer`. */
  readonly pay: (pay: Pay) => Promise<TakenPayment | Refusal>;
  /** Bytes that a PSBT of a channel can have; a refusal where there is no such channel, before anything that is said of it is read. */
  readonly room: (channel: ChannelId) => Promise<number | Refusal>;
  /** Reads a PSBT as the payment, or the end, of the channel it is about. */
  readonly readPsbt: (kind: 'payment' | 'end', psbt: Uint8Array) => Promise<Request | Refusal>;
}
