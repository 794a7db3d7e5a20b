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

/** The result of an exchange with the payee. */
export interface Exchange {
  readonly state: PayerState;
  readonly reply: Reply;
}

/** A request that reached the payee, and its result. */
export interface Answer extends Exchange {
  readonly kind: 'answer';
  /** The payee showed something that this side had lost. */
  readonly isNews: boolean;
  /** Total of the payment that was sent. */
  readonly total?: Amount;
}

export type Given = PayerInput | ((state: PayerState | undefined) => PayerInput | Refusal);

/** The requests to one payee about one channel. */
export interface Line {
  readonly channel: ChannelId;
  readonly payee: Connection;
  readonly state: () => Promise<PayerState | undefined>;
  /** Drives an input that makes a request, sends the request, and drives the reply. A refusal comes from this side: nothing was sent. */
  readonly exchange: (input: Given) => Promise<Answer | Refusal>;
}

/** @throws WorldError from `exchange`: `peer-nonsense` when the reply does not fit the request, which then counts as unanswered. */
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

/** An answer for the caller: a refusal stays a refusal, whichever side it came from. */
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

/** A payee that is too busy has not read the request: so an unanswered payment may already be stored there, and stays unanswered. */
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
  sync: ['asks', 'refusal'],
  join: ['joined', 'refusal'],
  'quote-request': ['quote', 'refusal'],
  forward: ['forwarded', 'refusal'],
};

/** A reply may be late, or a lie: only one of a fitting kind, about the same channel, answers a request. @throws WorldError `peer-nonsense` */
export function checkKind(channel: ChannelId, request: Request, reply: Reply): void {
  const isOther = 'channel' in reply && reply.channel !== channel;
  if (isOther || !ANSWERS[request.kind].includes(reply.kind)) throw nonsense(request.kind, reply.kind);
}

/** The state machine takes nothing from a reply that does not fit what it waits for. */
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

/** The signature of the refused payment is no news: a payee that shows it as the best has it, and must not be paid twice for it. */
function isNews(before: PayerState, after: PayerState, signed: Amount): boolean {
  const best = after.best?.total ?? ZERO;
  const isSent = before.kind === 'open' && before.pending?.payment.total === best;
  return before.deposits.length !== after.deposits.length || (best > (before.best?.total ?? ZERO) && best > signed && !isSent);
}
