import { type Amount, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import type { PayerInput } from '../core/channel/payer.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { capacityOf } from '../core/contract/contract.ts';
import type { Reply, Request } from '../core/message/message.ts';
import type { Driven } from '../engine/channel-driver.ts';
import type { PayerEngine } from '../engine/engine.ts';
import { type Connection, WorldError } from '../engine/ports.ts';
import { psbtOf, type WireFormat } from './wire-format.ts';

/** What an exchange with the payee led to. */
export interface Exchange {
  readonly state: PayerState;
  readonly reply: Reply;
}

/** A request that reached the payee, and what that led to. */
export interface Answer extends Exchange {
  readonly kind: 'answer';
  /** The payee showed something that this side had lost. */
  readonly isNews: boolean;
  /** Total of the payment that was sent. */
  readonly total?: Amount;
}

export type Given = PayerInput | ((state: PayerState | undefined) => PayerInput | Refusal);

/** What is said to one payee about one channel. */
export interface Line {
  readonly channel: ChannelId;
  readonly payee: Connection;
  readonly state: () => Promise<PayerState | undefined>;
  /** Drives an input that makes a request, carries the request, and drives the reply. A refusal is this side's own: nothing was sent. */
  readonly exchange: (input: Given) => Promise<Answer | Refusal>;
}

/** @throws WorldError from `exchange`: `peer-nonsense` when the reply is none to the request, which then is as if unanswered. */
export function lineTo(engine: PayerEngine, form: WireFormat, channel: ChannelId, payee: Connection): Line {
  return {
    channel,
    payee,
    state: () => engine.get(channel),
    exchange: async (input) => {
      let signed = ZERO;
      let isUnanswered = false;
      const driven = await engine.drive(channel, (at) => {
        signed = at?.signed ?? ZERO;
        isUnanswered = at?.kind === 'open' && at.pending !== undefined;
        return typeof input === 'function' ? input(at) : input;
      });
      if (isRefusal(driven)) return driven;
      const { send: request, state: before } = driven;
      if (request === undefined || before === undefined) return refuse('channel-not-open');
      const message = await payee.exchange(request, form === 'psbt' ? psbtOf(before, request) : undefined);
      checkKind(channel, request, message);
      if (isUnanswered && request.kind === 'payment' && isUnread(message))
        return { kind: 'answer', state: before, reply: message, isNews: false };
      const state = stateOf(await engine.drive(channel, { kind: 'reply', to: request.kind, message }));
      if (isRefusal(state)) return state;
      checkTaken(state, message);
      const total = request.kind === 'payment' ? { total: request.payment.total } : {};
      return { kind: 'answer', state, reply: message, isNews: isNews(before, state, signed), ...total };
    },
  };
}

/** An answer as whoever asked for it is told: refused is refused, whoever did it. */
export function told(answer: Answer | Refusal): Exchange | Refusal {
  if (isRefusal(answer)) return answer;
  const { state, reply } = answer;
  return isRefusal(reply) ? reply : { state, reply };
}

export function stateOf(driven: Driven<PayerState> | Refusal): PayerState | Refusal {
  if (isRefusal(driven)) return driven;
  if (driven.state === undefined) throw new Error('a payer channel that exists goes on existing');
  return driven.state;
}

/** Whoever has no time looks at nothing: a payment that had no answer may be held already, and has none now. */
function isUnread(reply: Reply): boolean {
  return isRefusal(reply) && reply.code === 'too-many';
}

const ANSWERS: Readonly<Record<Request['kind'], readonly Reply['kind'][]>> = {
  'offer-request': ['offer', 'refusal'],
  announce: ['accepted', 'provisional', 'refusal'],
  'invoice-request': ['invoice', 'refusal'],
  payment: ['receipt', 'refusal'],
  'state-request': ['state', 'refusal'],
  end: ['ended', 'refusal'],
};

/** A reply may be late, or a lie: only one of a fitting kind, about the same channel, answers a request. @throws WorldError `peer-nonsense` */
export function checkKind(channel: ChannelId, request: Request, reply: Reply): void {
  const isOther = 'channel' in reply && reply.channel !== channel;
  if (isOther || !ANSWERS[request.kind].includes(reply.kind)) throw nonsense(request.kind, reply.kind);
}

/** The machine takes nothing from a reply that does not fit what it waits for. */
function checkTaken(state: PayerState, reply: Reply): void {
  const isTaken =
    (reply.kind !== 'receipt' || !('pending' in state)) &&
    (reply.kind !== 'accepted' || capacityOf(state.deposits) === reply.capacity) &&
    (reply.kind !== 'ended' || state.kind !== 'open');
  if (!isTaken) throw nonsense('channel', reply.kind);
}

export function nonsense(asked: string, answered: string): WorldError {
  return new WorldError(
    'peer-nonsense',
    `The payee answered a request about a ${asked} with a ${answered} that does not fit it.`,
    'Send the same again; if it goes on, the address is not that of a merchant.',
  );
}

/** What was signed for the very payment that is refused is no news: whoever shows that as the best has it, and may not be paid for it twice. */
function isNews(before: PayerState, after: PayerState, signed: Amount): boolean {
  const best = after.best?.total ?? ZERO;
  const isSent = before.kind === 'open' && before.pending?.payment.total === best;
  return before.deposits.length !== after.deposits.length || (best > (before.best?.total ?? ZERO) && best > signed && !isSent);
}
