import { feeFor, ZERO } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { closeSize } from '../contract/size.ts';
import type { End, Ended } from '../message/message.ts';
import type { Transaction } from '../tx/transaction.ts';
import { isSame } from './fate.ts';
import { type Env, type Step, stay } from './machine.ts';
import { refused } from './payer-pay.ts';
import { channelOf, notOpen, type PayerState } from './payer-state.ts';

/** Proposes to end at the best total, also at zero. The payer pays the fee, so the payee has nothing to lose. */
export function ending(state: PayerState, env: Env): Step<PayerState> | Refusal {
  if (state.kind === 'ending') return stay(state, { kind: 'send', message: state.end });
  if (state.kind !== 'open') return notOpen(state);
  if (state.pending !== undefined) return refuse('payment-unanswered', { total: state.pending.payment.total });
  const { terms, deposits, channel, returnScript, best } = state;
  const total = best?.total ?? ZERO;
  const fee = feeFor(closeSize(terms, deposits.length, total > 0n ? 2 : 1), env.feeRate);
  const agreement = { total, payerScript: returnScript, fee };
  const agreed = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(agreed)) return agreed;
  const end: End = { kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed, env.signer) };
  return stay({ ...state, kind: 'ending', end }, { kind: 'send', message: end });
}

/** Both have signed. The payer broadcasts too: it need not trust the payee to. */
export function endAgreed(state: PayerState, { transaction }: Ended): Step<PayerState> {
  if (state.kind !== 'ending' || !isAgreed(state, transaction)) return stay(state);
  return stay({ ...state, transaction }, { kind: 'broadcast', transaction });
}

function isAgreed({ terms, deposits, end }: Extract<PayerState, { kind: 'ending' }>, transaction: Transaction): boolean {
  const agreed = terms.contract.agree(terms, deposits, end.agreement);
  return !isRefusal(agreed) && isSame(transaction, agreed);
}

/**
 * The payee would not end so: it may hold a better payment, or other deposits. The channel is open again, and another end can be proposed,
 * unless the payee closes by itself.
 */
export function endRefused(state: PayerState, refusal: Refusal, env: Env): Step<PayerState> {
  if (state.kind !== 'ending' || state.transaction !== undefined) return stay(state);
  if (refusal.code === 'channel-ending' || refusal.code === 'channel-ended') return stay(state);
  return refused({ ...channelOf(state), kind: 'open' }, refusal, env);
}
