import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { isActive, type PayeeState } from '../core/channel/payee-state.ts';
import { keyedMutex } from '../engine/mutex.ts';
import type { Connection, Store } from '../engine/ports.ts';
import type { Merchant } from '../merchant/merchant.ts';
import type { Agent } from '../payer/agent.ts';
import type { Exchange } from '../payer/request.ts';
import { joinEnds } from './join-agent.ts';
import { pairRecords } from './pair-record.ts';
import { syncWith } from './sync.ts';

export interface DuplexAgentOptions {
  readonly agent: Agent;
  /** The payer as a payee: it sells nothing, and has its own part of the store. */
  readonly payee: Merchant;
  readonly store: Store;
}

/** A payer that gets money back under every contract: where payments are final, by a channel the other way, of which it is the payee. */
export interface DuplexAgent extends Agent {
  /** The payee of the channels the other way: it closes them in time, as long as `poll` is called. */
  readonly payee: Merchant;
  /** The channel the other way, once it is open. */
  readonly opposite: (channel: ChannelId) => Promise<PayeeState | undefined>;
  /** Whether such a channel was announced, but its deposit is not deep enough yet. */
  readonly isOpening: (channel: ChannelId) => Promise<boolean>;
}

export function duplexAgent({ agent, payee, store }: DuplexAgentOptions): DuplexAgent {
  const pairs = pairRecords(store);
  const inTurn = keyedMutex<ChannelId>();

  /** Most payers have no channel the other way, and need not read the chain for one. */
  const pollPayee = async (): Promise<void> => {
    for await (const _ of payee.engine.all()) return payee.engine.follower.poll();
  };

  const sync = syncWith({ agent, payee, pairs });

  const refreshed = async (channel: ChannelId, merchant: Connection): Promise<Exchange | Refusal> => {
    const asked = await agent.refresh(channel, merchant);
    if (isRefusal(asked) || asked.state.terms.contract.revocation !== undefined) return asked;
    await payee.engine.follower.poll();
    const refusal = await sync(channel, merchant);
    // A merchant without channels the other way does not know the question.
    if (refusal !== undefined && refusal.code !== 'request-unknown') return refusal;
    const state = await agent.engine.get(channel);
    return state === undefined ? refuse('channel-unknown') : { ...asked, state };
  };

  const opposite: DuplexAgent['opposite'] = async (channel) => {
    const pair = await pairs.get(channel);
    return pair && payee.engine.get(pair.opposite);
  };

  const ended = async (channel: ChannelId, merchant: Connection): Promise<Exchange | Refusal> => {
    const refreshing = await refreshed(channel, merchant);
    const [state, other] = [await agent.engine.get(channel), await opposite(channel)];
    if (state === undefined || other === undefined || other.kind === 'ended') return agent.end(channel, merchant);
    const isJoint = !isRefusal(refreshing) && state.best !== undefined && other.best !== undefined;
    const joined = isJoint ? await joinEnds({ agent, payee }, state, other, merchant) : refuse('nothing-to-close');
    if (!isRefusal(joined)) return joined;
    const alone = await agent.end(channel, merchant);
    // Where nothing was paid, the merchant's coins come back by its own end; what was paid is taken by the payee's close.
    await sync(channel, merchant);
    const left = await opposite(channel);
    if (left !== undefined && isActive(left) && left.best !== undefined) await payee.close(left.channel);
    return alone;
  };

  return {
    ...agent,
    payee,
    end: (channel, merchant) => inTurn(channel, () => ended(channel, merchant)),
    refresh: (channel, merchant) => inTurn(channel, () => refreshed(channel, merchant)),
    opposite,
    isOpening: async (channel) => (await pairs.get(channel)) !== undefined && (await opposite(channel)) === undefined,
    poll: async () => {
      const polls = await Promise.allSettled([agent.poll(), pollPayee()]);
      for (const poll of polls) if (poll.status === 'rejected') throw poll.reason;
    },
  };
}
