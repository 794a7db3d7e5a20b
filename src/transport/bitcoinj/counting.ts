import { type Amount, ZERO } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import type { Payment } from '../../core/contract/contract.ts';
import { isSigned } from '../../core/contract/payment.ts';
import type { BitcoinjPayee } from './payee.ts';

/**
 * What became of a payment that is rightly signed. `stored`: it is the best one from now on. `idle`: it says nothing new, or no close could pay
 * it out; then it counts with the next that one can.
 */
export type Counted = 'stored' | 'idle';

/** Takes a payment; `before` is the best total so far. The signature is checked in any case: it shows who speaks. */
export async function counted(payee: BitcoinjPayee, channel: ChannelId, payment: Payment, before: Amount): Promise<Counted | Refusal> {
  const reply = await payee.increment({ kind: 'payment', channel, payment });
  if (!isRefusal(reply)) return reply.kind === 'receipt' && reply.total > before ? 'stored' : 'idle';
  const isIdle = reply.code === 'total-too-small' ? before === ZERO : reply.code === 'total-not-higher' && payment.total === before;
  if (!isIdle) return reply;
  const state = await payee.state(channel);
  if (state === undefined) return refuse('channel-unknown');
  return isSigned(state.terms, state.deposits, payment, payee.verify) ? 'idle' : refuse('signature-wrong');
}
