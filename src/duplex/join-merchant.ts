import { isRefusal, refuse } from '../core/base/refusal.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { endPart, withSignaturesOf } from '../core/contract/coop-close-tx.ts';
import type { Join, Reply } from '../core/message/message.ts';
import type { Verify } from '../core/tx/sign.ts';
import type { Merchant } from '../merchant/merchant.ts';
import type { Agent } from '../payer/agent.ts';

export interface JoinContext {
  readonly merchant: Merchant;
  /** The merchant as the payer of the channel the other way. */
  readonly agent: Agent;
  readonly verify: Verify;
}

/**
 * Agrees to one transaction as the end of a channel and of the one the other way. Each of the four machines signs for its own channel only, at its own
 * best total, and each payee stores its own close before it signs: so both channels can be closed without that transaction, whatever happens to it.
 */
export async function answerJoin(context: JoinContext, state: PayeeState, opposite: PayerState | undefined, request: Join): Promise<Reply> {
  if (state.best === undefined || opposite?.best === undefined) return refuse('nothing-to-close');
  return request.transaction === undefined
    ? propose(context, state, opposite, request)
    : complete(context, state, opposite, { ...request, transaction: request.transaction });
}

/** The merchant stops paying in the channel the other way only for the payer's own signature. */
async function propose(
  { agent, verify }: JoinContext,
  { terms, deposits, channel }: PayeeState,
  { channel: other }: PayerState,
  { end }: Join,
): Promise<Reply> {
  const beside = endPart(terms, deposits, end.agreement);
  if (isRefusal(beside)) return beside;
  const alone = terms.contract.agree(terms, deposits, end.agreement);
  if (isRefusal(alone)) return alone;
  if (!terms.contract.verifyAgreement(terms, alone, end.signatures, verify)) return refuse('signature-wrong');
  const driven = await agent.engine.drive(other, { kind: 'end', to: terms.payeeScript, beside });
  if (isRefusal(driven)) return driven;
  if (driven.send?.kind !== 'end') return refuse('channel-ending');
  return { kind: 'joined', channel, end: driven.send };
}

async function complete(
  { merchant, agent }: JoinContext,
  { channel }: PayeeState,
  opposite: PayerState,
  { end, transaction: theirs }: Join & { readonly transaction: NonNullable<Join['transaction']> },
): Promise<Reply> {
  const beside = ownPart(opposite);
  if (isRefusal(beside)) return beside;
  const driven = await merchant.engine.drive(channel, { kind: 'end', end: { ...end, agreement: { ...end.agreement, beside } } });
  if (isRefusal(driven)) return driven;
  if (driven.reply?.kind !== 'ended') throw new Error('an end is answered by one');
  const whole = withSignaturesOf(theirs, opposite.deposits, driven.reply.transaction);
  const message = { kind: 'ended', channel: opposite.channel, transaction: whole } as const;
  const agreed = await agent.engine.drive(opposite.channel, { kind: 'reply', to: 'end', message });
  if (isRefusal(agreed)) return agreed;
  const { state } = agreed;
  if (state === undefined || !('transaction' in state) || state.transaction === undefined) return refuse('signature-wrong');
  return { kind: 'joined', channel, transaction: state.transaction };
}

/** The part of the proposed end that is for the channel the other way alone. */
function ownPart(opposite: PayerState): ReturnType<typeof endPart> {
  if (opposite.kind !== 'ending') return refuse('channel-not-open');
  return endPart(opposite.terms, opposite.deposits, opposite.end.agreement);
}
