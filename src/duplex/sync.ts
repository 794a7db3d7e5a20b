import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import type { Ask, Reply, SyncAnswer } from '../core/message/message.ts';
import { saidBy } from '../core/message/sync-json.ts';
import type { Connection } from '../engine/ports.ts';
import type { Merchant } from '../merchant/merchant.ts';
import type { Agent } from '../payer/agent.ts';
import { checkKind, nonsense } from '../payer/request.ts';
import type { PairRecord, Records } from './pair-record.ts';

export interface SyncContext {
  readonly agent: Agent;
  readonly payee: Merchant;
  readonly pairs: Records<PairRecord>;
}

/** The most questions that a merchant may ask at a time; the rest come with the next sync. */
const MOST_TURNS = 32;

/** Asks a merchant until it has nothing more to say, or one side refuses. */
export function syncWith({ agent, payee, pairs }: SyncContext): (channel: ChannelId, merchant: Connection) => Promise<Refusal | undefined> {
  /** Answers one question, and notes which channel goes the other way. */
  const answered = async (channel: ChannelId, { id, request }: Ask): Promise<SyncAnswer> => {
    const reply = await payee.answer(request);
    if (reply.kind === 'accepted' || reply.kind === 'provisional') await pairs.change(channel, () => ({ opposite: reply.channel }));
    switch (reply.kind) {
      case 'invoice':
      case 'asks':
      case 'joined':
      case 'quote':
      case 'forwarded':
        throw nonsense(request.kind, reply.kind);
      default:
        return { to: id, reply };
    }
  };

  const turn = async (channel: ChannelId, answer: SyncAnswer | undefined, merchant: Connection): Promise<Reply> => {
    const driven = await agent.engine.drive(channel, { kind: 'sync', ...(answer && { answer }), said: saidBy(answer) });
    if (isRefusal(driven)) return driven;
    if (driven.send === undefined) throw new Error('a question is sent');
    const reply = await merchant.exchange(driven.send);
    checkKind(channel, driven.send, reply);
    return reply;
  };

  return async (channel: ChannelId, merchant: Connection): Promise<Refusal | undefined> => {
    let answer: SyncAnswer | undefined;
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      const reply = await turn(channel, answer, merchant);
      if (isRefusal(reply)) return reply;
      if (reply.kind !== 'asks') throw nonsense('sync', reply.kind);
      if (reply.ask === undefined) return undefined;
      answer = await answered(channel, reply.ask);
    }
    return undefined;
  };
}
