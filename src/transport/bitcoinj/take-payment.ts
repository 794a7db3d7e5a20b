import { type Amount, ZERO } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import type { Payment } from '../../core/contract/contract.ts';
import { isSigned } from '../../core/contract/payment-signatures.ts';
import type { BitcoinjPayee } from './payee.ts';

/**
 * Accepts a payment. The signature is always checked, because it proves who sends it. @returns what it added: nothing if it is not new, or if no
 * close could pay it out yet; then it counts together with the next one that can be paid out.
 */
export async function takePayment(payee: BitcoinjPayee, channel: ChannelId, payment: Payment): Promise<Amount | Refusal> {
  const taken = await payee.increment({ kind: 'payment', channel, payment });
  if (!isRefusal(taken)) return taken.added;
  const state = await payee.state(channel);
  if (state === undefined) return refuse('channel-unknown');
  const isIdle = taken.code === 'total-not-higher' || (taken.code === 'total-too-small' && state.best === undefined);
  if (!isIdle) return taken;
  return isSigned(state.terms, state.deposits, payment, payee.verify) ? ZERO : refuse('signature-wrong');
}
