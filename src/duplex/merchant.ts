import { ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { type Refusal, refuse } from '../core/base/refusal.ts';
import { isActive, notActive } from '../core/channel/payee-state.ts';
import { unsentOf } from '../core/channel/payer-state.ts';
import type { Join, Reply, Sync } from '../core/message/message.ts';
import type { Verify } from '../core/tx/sign.ts';
import { type Random, type Store, WorldError } from '../engine/ports.ts';
import type { Merchant } from '../merchant/merchant.ts';
import { payerAuth } from '../merchant/payer-auth.ts';
import type { Agent } from '../payer/agent.ts';
import { answerJoin } from './join-merchant.ts';
import { owedOf, type Pair, pairOf } from './lending.ts';
import { type OrderBookOptions, orderBook } from './order-book.ts';
import { giveBackRecords } from './pair-record.ts';
import { ReverseConnection, unreachable } from './reverse-connection.ts';
import { currentRecord, type TalkContext, talk } from './talk.ts';

export interface DuplexMerchantOptions extends OrderBookOptions {
  readonly merchant: Merchant;
  /** The merchant as a payer, with its own wallet and its own part of the store; it must refuse to pay more than is asked for (`raised`). */
  readonly agent: Agent;
  readonly store: Store;
  readonly verify: Verify;
  readonly random: Random;
  /** Told of every refusal, of a payer or of this side. */
  readonly onRefused?: (channel: ChannelId, refusal: Refusal) => void;
}

/** A merchant that gives money back under every contract: where payments are final, by a channel the other way, of which it is the payer. */
export interface DuplexMerchant extends Merchant {
  readonly agent: Agent;
  /** What was ordered and paid back, by channel. */
  readonly pairs: () => AsyncIterable<Pair>;
  /** Reads the chain as a payer, and gives up questions that nobody has fetched. Call it regularly. */
  readonly tend: () => Promise<void>;
}

export function duplexMerchant(options: DuplexMerchantOptions): DuplexMerchant {
  const { merchant, agent, wallet } = options;
  const context = { agent, records: giveBackRecords(options.store) };
  const order = orderBook(options, context);
  const { synced, sweep } = talksOf(options, context);
  const giveUp = once(() => giveUpUnsent(agent));
  return {
    ...merchant,
    agent,
    giveBack: async (channel, more, name) => {
      const state = await merchant.engine.get(channel);
      if (state === undefined) return refuse('channel-unknown');
      if (state.terms.contract.revocation !== undefined) return merchant.giveBack(channel, more, name);
      return (await order(state, more, name)) ?? { kind: 'driven', state, added: ZERO, broadcasts: [] };
    },
    answer: async (request) => {
      if (request.kind === 'join') return join(options, context, request);
      if (request.kind !== 'sync') return merchant.answer(request);
      await giveUp();
      return synced(request);
    },
    pairs: async function* () {
      for await (const [channel, record] of context.records.all()) {
        yield pairOf(channel, record, record.opposite && (await agent.engine.get(record.opposite)));
      }
    },
    tend: async () => {
      sweep();
      await agent.poll();
      await wallet.sync();
      await giveUp();
    },
  };
}

/** First pays what is owed, because no payment is made afterwards. */
async function join(options: DuplexMerchantOptions, context: TalkContext, request: Join): Promise<Reply> {
  const { merchant, agent } = options;
  merchant.engine.follower.trusted();
  const state = await merchant.engine.get(request.channel);
  if (state === undefined) return refuse('channel-unknown');
  const record = await currentRecord(context, state);
  const opposite = record.opposite && (await agent.engine.get(record.opposite));
  const owed = owedOf(record, opposite);
  return owed > 0n ? refuse('payment-unanswered', { owed }) : answerJoin(options, state, opposite, request);
}

interface Talks {
  readonly synced: (request: Sync) => Promise<Reply>;
  readonly sweep: () => void;
}

/** One talk with each payer at a time, however many connections it has. */
function talksOf({ merchant, verify, random, clock, onRefused }: DuplexMerchantOptions, context: TalkContext): Talks {
  const roads = new Map<ChannelId, ReverseConnection>();
  const unproven = payerAuth(merchant.engine, verify);
  const roadTo = (channel: ChannelId): ReverseConnection => {
    const road = roads.get(channel) ?? new ReverseConnection(random, clock);
    roads.set(channel, road);
    return road;
  };
  return {
    synced: async (request) => {
      const { channel, answer } = request;
      const wrong = await unproven(request);
      if (wrong !== undefined) return wrong;
      merchant.engine.follower.trusted();
      const state = await merchant.engine.get(channel);
      if (state === undefined) return refuse('channel-unknown');
      const { opposite } = await currentRecord(context, state);
      // For a channel that closes none is opened the other way, but in one that is open the debt is still paid.
      if (opposite === undefined && !isActive(state)) return notActive(state);
      const road = roadTo(channel);
      const ask = await road.turn(answer, async () => {
        const refusal = await talk(context, state, road);
        if (refusal !== undefined) onRefused?.(channel, refusal);
      });
      if (ask === undefined && road.isIdle) roads.delete(channel);
      return { kind: 'asks', channel, ...(ask && { ask }) };
    },
    sweep: () => {
      for (const road of roads.values()) road.sweep();
    },
  };
}

/** Frees coins of deposits that were signed before a crash and never broadcast; what is still due is funded again. */
async function giveUpUnsent(agent: Agent): Promise<void> {
  await agent.tidy();
  for await (const [channel, state] of agent.engine.all()) {
    if (state.kind === 'ended' || unsentOf(state).size === 0) continue;
    await agent.launch(channel, { exchange: () => Promise.reject(unreachable()) }).catch((error: unknown) => {
      if (!(error instanceof WorldError && error.code === 'peer-unreachable')) throw error;
    });
  }
}

/** Does the work once; again only after a failure. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work().catch((error: unknown) => {
      done = undefined;
      throw error;
    });
    return done;
  };
}
