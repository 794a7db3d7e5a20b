import type { Refusal } from '../core/base/refusal.ts';
import type { Reply, Request } from '../core/message/message.ts';

/** The payee behind a transport, as far as a transport needs it. */
export interface Responder {
  /** Answers one message. @throws WorldError when node or store can't be relied on. */
  readonly answer: (request: Request) => Promise<Reply>;
  /** Reads a PSBT as the payment, or the end, of the channel it is about. */
  readonly readPsbt: (kind: 'payment' | 'end', psbt: Uint8Array) => Promise<Request | Refusal>;
}
