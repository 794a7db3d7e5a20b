import { isRefusal, type Refusal } from '../../src/core/base/refusal.ts';
import { decodeAnnounce, decodeEnd, decodePay, encodeAnnounce, encodeEnd, encodePay } from '../../src/core/message/compact.ts';
import type { Field } from '../../src/core/message/fields.ts';
import type { Request } from '../../src/core/message/message.ts';
import { decodePsbt } from '../../src/core/message/psbt-codec.ts';
import { readAnnounce } from '../../src/core/message/psbt-payment.ts';
import { asksJson, joinedJson, joinField, syncAnswerJson } from '../../src/core/message/sync-json.ts';
import type { Connection } from '../../src/engine/ports.ts';
import type { Merchant } from '../../src/merchant/merchant.ts';

/** A merchant at the far end of a wire: every request goes there as bytes, in the one form or the other. `log` gets what was sent. */
export function wire(merchant: Merchant, log: Request[] = []): Connection {
  return {
    exchange: async (request, psbt) => {
      log.push(request);
      const arrived = await (psbt === undefined ? overCompact(request) : overPsbt(merchant, request, psbt));
      const reply = isRefusal(arrived) ? arrived : await merchant.answer(arrived);
      if (reply.kind === 'asks') return overJson(asksJson, reply);
      return reply.kind === 'joined' ? overJson(joinedJson, reply) : reply;
    },
  };
}

function overJson<Value>(field: Field<Value>, value: Value): Value {
  return field.decode(JSON.parse(JSON.stringify(field.encode(value))));
}

function overCompact(request: Request): Request | Refusal {
  switch (request.kind) {
    case 'payment': {
      const pay = decodePay(encodePay(request));
      return isRefusal(pay) ? pay : withInvoice(pay, request);
    }
    case 'announce': {
      const announce = decodeAnnounce(encodeAnnounce(request));
      return isRefusal(announce) ? announce : { ...announce, offer: request.offer };
    }
    case 'end':
      return decodeEnd(encodeEnd(request));
    case 'offer-request':
    case 'invoice-request':
    case 'state-request':
      return request;
    case 'quote-request':
    case 'forward':
      return request;
    case 'join':
      return { ...request, ...overJson(joinField, { end: request.end, ...(request.transaction && { transaction: request.transaction }) }) };
    case 'sync':
      return request.answer === undefined ? request : { ...request, answer: overJson(syncAnswerJson, request.answer) };
  }
}

async function overPsbt(merchant: Merchant, request: Request, bytes: Uint8Array): Promise<Request | Refusal> {
  if (request.kind === 'announce') {
    const psbt = decodePsbt(bytes);
    return isRefusal(psbt) ? psbt : readAnnounce(psbt, request.offer);
  }
  const read = await merchant.readPsbt(request.kind === 'end' ? 'end' : 'payment', bytes);
  return isRefusal(read) ? read : withInvoice(read, request);
}

/** The invoice travels beside a payment, in either form. */
function withInvoice(arrived: Request, sent: Request): Request {
  const isBoth = arrived.kind === 'payment' && sent.kind === 'payment' && sent.invoice !== undefined;
  return isBoth ? { ...arrived, invoice: sent.invoice } : arrived;
}
