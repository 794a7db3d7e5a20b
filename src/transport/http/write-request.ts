import * as z from 'zod';
import { encodeAnnounce, encodeEnd, encodePay } from '../../core/message/compact.ts';
import { forwardBody, quoteBody } from '../../core/message/hub-json.ts';
import type { Request } from '../../core/message/message.ts';
import { joinField } from '../../core/message/sync-json.ts';
import { announceBody, endBody, invoiceBody, paymentBody, type Signed, syncBody } from './endpoints.ts';

/** The JSON body of a request; undefined for those without one. Compact unless the same message is given as a PSBT. */
export function writeBody(request: Request, psbt?: Uint8Array): unknown {
  const signed = (encode: () => Uint8Array): Signed => (psbt === undefined ? { compact: encode() } : { psbt });
  switch (request.kind) {
    case 'offer-request':
    case 'state-request':
      return undefined;
    case 'announce':
      return z.encode(announceBody, { offer: request.offer, ...signed(() => encodeAnnounce(request)) });
    case 'invoice-request':
      return z.encode(invoiceBody, { item: request.item, ...(request.isPending && { pending: true }) });
    case 'payment': {
      const { invoice, lastSecret } = request;
      const beside = { ...(invoice !== undefined && { invoice }), ...(lastSecret && { lastSecret }) };
      return z.encode(paymentBody, { ...signed(() => encodePay(request)), ...beside });
    }
    case 'sync':
      return z.encode(syncBody, { answer: request.answer ?? null });
    case 'join': {
      const { end, transaction } = request;
      return z.encode(joinField, { end, ...(transaction && { transaction }) });
    }
    case 'quote-request':
      return z.encode(quoteBody, { payee: request.payee });
    case 'forward': {
      const { hash, next, amount, invoice } = request;
      return z.encode(forwardBody, { hash, next, amount, invoice });
    }
    case 'end':
      return z.encode(
        endBody,
        signed(() => encodeEnd(request)),
      );
  }
}
