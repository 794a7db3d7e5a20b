import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { endPart } from '../core/contract/coop-close-tx.ts';
import type { End, Joined } from '../core/message/message.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import type { Connection } from '../engine/ports.ts';
import type { Merchant } from '../merchant/merchant.ts';
import type { Agent } from '../payer/agent.ts';
import { checkKind, type Exchange, nonsense, stateOf } from '../payer/request.ts';

export interface JoinAgentContext {
  readonly agent: Agent;
  readonly payee: Merchant;
}

/**
 * Ends a channel and the one the other way by one transaction, if the merchant agrees. Otherwise both stay as they were, except that no payments are
 * made or taken any more.
 */
export async function joinEnds(
  { agent, payee }: JoinAgentContext,
  { channel, terms, deposits }: PayerState,
  opposite: PayeeState,
  merchant: Connection,
): Promise<Exchange | Refusal> {
  const alone = await endOf(agent, channel, { to: opposite.terms.payeeScript });
  if (isRefusal(alone)) return alone;
  const proposed = await asked(merchant, alone, undefined);
  if (isRefusal(proposed)) return proposed;
  const { end: theirs } = proposed;
  if (theirs === undefined || theirs.channel !== opposite.channel) throw nonsense('join', 'joined');
  const [part, beside] = [endPart(terms, deposits, alone.agreement), endPart(opposite.terms, opposite.deposits, theirs.agreement)];
  if (isRefusal(part)) return part;
  if (isRefusal(beside)) return beside;
  const signed = await payee.engine.drive(opposite.channel, {
    kind: 'end',
    end: { ...theirs, agreement: { ...theirs.agreement, beside: part } },
  });
  if (isRefusal(signed)) return signed;
  if (signed.reply?.kind !== 'ended') throw new Error('an end is answered by one');
  const own = await endOf(agent, channel, { beside });
  if (isRefusal(own)) return own;
  const joined = await asked(merchant, own, signed.reply.transaction);
  if (isRefusal(joined)) return joined;
  if (joined.transaction === undefined) throw nonsense('join', 'joined');
  const reply = { kind: 'ended', channel, transaction: joined.transaction } as const;
  const state = stateOf(await agent.engine.drive(channel, { kind: 'reply', to: 'end', message: reply }));
  if (isRefusal(state)) return state;
  return state.kind === 'ending' && state.transaction !== undefined ? { state, reply } : refuse('signature-wrong');
}

async function endOf(
  agent: Agent,
  channel: PayerState['channel'],
  how: { readonly to?: Uint8Array; readonly beside?: Transaction },
): Promise<End | Refusal> {
  const driven = await agent.engine.drive(channel, { kind: 'end', ...how });
  if (isRefusal(driven)) return driven;
  return driven.send?.kind === 'end' ? driven.send : refuse('channel-ending');
}

async function asked(
  merchant: Connection,
  { agreement: { beside: _, ...agreement }, ...end }: End,
  transaction: Transaction | undefined,
): Promise<Joined | Refusal> {
  const request = { kind: 'join', channel: end.channel, end: { ...end, agreement }, ...(transaction && { transaction }) } as const;
  const reply = await merchant.exchange(request);
  checkKind(end.channel, request, reply);
  if (isRefusal(reply)) return reply;
  if (reply.kind !== 'joined') throw nonsense('join', reply.kind);
  return reply;
}
