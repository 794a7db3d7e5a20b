import { isRefusal } from '../core/base/refusal.ts';
import type { Forward, QuoteRequest, Reply } from '../core/message/message.ts';
import type { Verify } from '../core/tx/sign.ts';
import type { Merchant } from '../merchant/merchant.ts';
import { payerAuth } from '../merchant/payer-auth.ts';
import type { Hub } from './hub.ts';

/** A merchant that answers what payers ask of its hub: each only for its own channel. */
export function hubMerchant(merchant: Merchant, hub: Pick<Hub, 'quote' | 'forward'>, verify: Verify): Merchant {
  const unproven = payerAuth(merchant.engine, verify);
  const asked = async (request: QuoteRequest | Forward): Promise<Reply> => {
    const wrong = await unproven(request);
    if (wrong !== undefined) return wrong;
    merchant.engine.follower.ready();
    return request.kind === 'forward' ? forwarded(hub, request) : quoted(hub, request);
  };
  return {
    ...merchant,
    answer: (request) => (request.kind === 'quote-request' || request.kind === 'forward' ? asked(request) : merchant.answer(request)),
  };
}

async function quoted(hub: Pick<Hub, 'quote'>, { channel, payee }: QuoteRequest): Promise<Reply> {
  const quote = await hub.quote(channel, payee);
  if (isRefusal(quote)) return quote;
  const { fee, expiry } = quote;
  return { kind: 'quote', channel, next: quote.channel, ...fee, expiry };
}

async function forwarded(hub: Pick<Hub, 'forward'>, { channel, hash, next, amount, invoice }: Forward): Promise<Reply> {
  const hop = await hub.forward({ incoming: channel, hash, next, amount, invoice });
  if (isRefusal(hop)) return hop;
  return { kind: 'forwarded', channel, status: hop.kind, ...(hop.refusal !== undefined && { refusal: hop.refusal }) };
}
