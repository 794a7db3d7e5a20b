import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal } from '../core/base/refusal.ts';
import type { PayerInput } from '../core/channel/payer.ts';
import type { Reply } from '../core/message/message.ts';
import type { Connection } from '../engine/ports.ts';
import type { Agent } from './agent.ts';
import type { HubService } from './pay-via.ts';
import { checkKind, nonsense } from './request.ts';

/** A hub that is asked over the connection to it, with proofs of the channel's key. */
export function hubService(agent: Pick<Agent, 'engine'>, hub: Connection): HubService {
  const ask = async (channel: ChannelId, input: PayerInput): Promise<Reply> => {
    const driven = await agent.engine.drive(channel, input);
    if (isRefusal(driven)) return driven;
    if (driven.send === undefined) throw new Error('a question is sent');
    const reply = await hub.exchange(driven.send);
    checkKind(channel, driven.send, reply);
    return reply;
  };
  return {
    quote: async (incoming, payee) => {
      const reply = await ask(incoming, { kind: 'quote', payee });
      if (isRefusal(reply)) return reply;
      if (reply.kind !== 'quote') throw nonsense('quote', reply.kind);
      const { next: channel, base, perMille, expiry } = reply;
      return { channel, fee: { base, perMille }, expiry };
    },
    forward: async ({ incoming, ...order }) => {
      const reply = await ask(incoming, { kind: 'forward', order });
      if (isRefusal(reply)) return reply;
      if (reply.kind !== 'forwarded') throw nonsense('order', reply.kind);
      const { status: kind, refusal } = reply;
      return { kind, ...(refusal !== undefined && { refusal }) };
    },
  };
}
