import { feeFor, ZERO } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { NOTHING_LEFT, OWN_CHANGE } from '../contract/plan.ts';
import { isSignedByBoth } from '../contract/settled.ts';
import { closeSize } from '../contract/size.ts';
import type { End, Ended } from '../message/message.ts';
import { SIGHASH } from '../tx/sighash.ts';
import type { Verify } from '../tx/sign.ts';
import { sameOutpoint, type Transaction } from '../tx/transaction.ts';
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

/**
 * Both have signed. The payer broadcasts too: it need not trust the payee to. What is called an end and is none that both have signed leaves the
 * channel open: another can be proposed, and at the expiry the refund comes.
 */
export function endAgreed(state: PayerState, { transaction }: Ended, { verify }: Pick<Env, 'verify'>): Step<PayerState> {
  if (state.kind !== 'ending') return stay(state);
  if (isAgreed(state, transaction, verify)) return stay({ ...state, transaction }, { kind: 'broadcast', transaction });
  return stay(state.transaction === undefined ? { ...channelOf(state), kind: 'open' } : state);
}

/** The very transaction that was proposed, and each input of it with both signatures over all of it. */
function isAgreed({ terms, deposits, end }: Extract<PayerState, { kind: 'ending' }>, transaction: Transaction, verify: Verify): boolean {
  const agreed = terms.contract.agree(terms, deposits, end.agreement);
  if (isRefusal(agreed) || !isSame(transaction, agreed)) return false;
  return agreed.inputs.every((_, i) => isSignedByBoth(terms, transaction, i, SIGHASH.ALL, verify));
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

/**
 * Whether a transaction is the payee's close of a channel with one deposit, as nodes take it: of nothing else, and signed by both. What comes back by
 * it is what this payer has signed for.
 */
export function isSettlement({ terms, deposits }: PayerState, transaction: Transaction, verify: Verify): boolean {
  const [[deposit, ...more], [input, ...foreign]] = [deposits, transaction.inputs];
  if (deposit === undefined || input === undefined || more.length + foreign.length > 0) return false;
  if (!sameOutpoint(input.outpoint, deposit.outpoint)) return false;
  return [OWN_CHANGE, NOTHING_LEFT].some((hashType) => isSignedByBoth(terms, transaction, 0, hashType, verify));
}
