import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import type { Ask, Reply, SyncAnswer } from '../core/message/message.ts';
import { saidBy } from '../core/message/sync-json.ts';
import { keyedMutex } from '../engine/mutex.ts';
import type { Connection, Store } from '../engine/ports.ts';
import type { Merchant } from '../merchant/merchant.ts';
import type { Agent } from '../payer/agent.ts';
import { checkKind, type Exchange, nonsense } from '../payer/request.ts';
import { pairRecords } from './pair-record.ts';

export interface DuplexAgentOptions {
  readonly agent: Agent;
  /** Of the payer as a payee, which sells nothing, on a part of the store of its own. */
  readonly payee: Merchant;
  readonly store: Store;
}

/** A payer that is given back on every contract: where payments are for good, in a channel the other way, of which it is the payee. */
export interface DuplexAgent extends Agent {
  /** The payee of the channels the other way: it closes them in time, as long as `poll` is called. */
  readonly payee: Merchant;
  /** The channel the other way, once it is open. */
  readonly opposite: (channel: ChannelId) => Promise<PayeeState | undefined>;
  /** Whether one was announced whose deposit is not deep enough yet. */
  readonly isOpening: (channel: ChannelId) => Promise<boolean>;
}

/** The most that a merchant may ask in one `refresh`: what is left is asked at the next. */
const MOST_TURNS = 32;

export function duplexAgent({ agent, payee, store }: DuplexAgentOptions): DuplexAgent {
  const pairs = pairRecords(store);
  const inTurn = keyedMutex<ChannelId>();

  /** Most payers are payees of nothing. */
  const pollPayee = async (): Promise<void> => {
    for await (const _ of payee.engine.all()) return payee.engine.follower.poll();
  };

  /** Answers one question, and notes which channel goes the other way. */
  const answered = async (channel: ChannelId, { id, request }: Ask): Promise<SyncAnswer> => {
    const reply = await payee.answer(request);
    if (reply.kind === 'accepted' || reply.kind === 'provisional') await pairs.change(channel, () => ({ opposite: reply.channel }));
    if (reply.kind === 'invoice' || reply.kind === 'asks') throw nonsense(request.kind, reply.kind);
    return { to: id, reply };
  };

  const turn = async (channel: ChannelId, answer: SyncAnswer | undefined, merchant: Connection): Promise<Reply> => {
    const driven = await agent.engine.drive(channel, { kind: 'sync', ...(answer && { answer }), said: saidBy(answer) });
    if (isRefusal(driven)) return driven;
    if (driven.send === undefined) throw new Error('a question is sent');
    const reply = await merchant.exchange(driven.send);
    checkKind(channel, driven.send, reply);
    return reply;
  };

  /** Asks what is to be said until all is, or a refusal ends it. */
  const sync = async (channel: ChannelId, merchant: Connection): Promise<Refusal | undefined> => {
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

  const refreshed = async (channel: ChannelId, merchant: Connection): Promise<Exchange | Refusal> => {
    const asked = await agent.refresh(channel, merchant);
    if (isRefusal(asked) || asked.state.terms.contract.revocation !== undefined) return asked;
    await payee.engine.follower.poll();
    const refusal = await sync(channel, merchant);
    // A merchant that gives back in no other channel does not know the question.
    if (refusal !== undefined && refusal.code !== 'request-unknown') return refusal;
    const state = await agent.engine.get(channel);
    return state === undefined ? refuse('channel-unknown') : { ...asked, state };
  };

  const opposite: DuplexAgent['opposite'] = async (channel) => {
    const pair = await pairs.get(channel);
    return pair && payee.engine.get(pair.opposite);
  };

  return {
    ...agent,
    payee,
    refresh: (channel, merchant) => inTurn(channel, () => refreshed(channel, merchant)),
    opposite,
    isOpening: async (channel) => (await pairs.get(channel)) !== undefined && (await opposite(channel)) === undefined,
    poll: async () => {
      const polls = await Promise.allSettled([agent.poll(), pollPayee()]);
      for (const poll of polls) if (poll.status === 'rejected') throw poll.reason;
    },
  };
}
