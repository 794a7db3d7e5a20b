import { amount, feeFor, ZERO } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { closeSize } from '../contract/size.ts';
import type { End } from '../message/message.ts';
import type { Transaction } from '../tx/transaction.ts';
import { isSame } from './fate.ts';
import { type Env, type Step, stay } from './machine.ts';
import { claimed } from './payee-press.ts';
import { type ActivePayee, type ClosingPayee, factsOf, notActive, type PayeeState } from './payee-state.ts';

/** An end that is not mined by the expiry is the payee's loss. Two nodes may differ this much about what gets mined. */
const HASTE_FACTOR = 2n;

/** Co-signs at once what the payer could otherwise only have after expiry, if it costs the payee nothing. */
export function ended(state: PayeeState, { agreement, signatures }: End, env: Env): Step<PayeeState> | Refusal {
  const { terms, deposits, best } = state;
  const { total, fee } = agreement;
  const agreed = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(agreed)) return agreed;
  if (state.kind === 'closing') return isSame(state.transaction, agreed) ? answered(state, state.transaction) : notActive(state);
  if (state.kind === 'ended') return notActive(state);
  if (best !== undefined && total < best.total) return refuse('agreement-short', factsOf(state, best));
  const least = total === 0n ? ZERO : amount(feeFor(closeSize(terms, deposits.length, agreed.outputs.length), env.feeRate) / HASTE_FACTOR);
  if (fee < least) return refuse('agreement-malformed', { fee, least });
  if (!terms.contract.verifyAgreement(terms, agreed, signatures, env.verify)) return refuse('signature-wrong');
  const own = terms.contract.signAgreement(terms, agreed, env.signer);
  const transaction = terms.contract.completeAgreement(terms, agreed, signatures, own);
  return answered({ ...state, kind: 'closing', transaction }, transaction);
}

function answered(state: PayeeState, transaction: Transaction): Step<PayeeState> {
  const reply = { kind: 'reply', message: { kind: 'ended', channel: state.channel, transaction } } as const;
  return stay(state, reply, { kind: 'broadcast', transaction });
}

/** Closes with the best payment; there is no other way to choose one. */
export function closed(state: ActivePayee, env: Env): Step<ClosingPayee> | Refusal {
  const transaction = claimed(state, env);
  if (isRefusal(transaction)) return transaction;
  return { kind: 'step', state: { ...state, kind: 'closing', transaction }, effects: [{ kind: 'broadcast', transaction }] };
}

/** The same for whoever closes several together. Its own close is sent at the next look at the chain that finds the deposits free. */
export function gathered(state: ActivePayee, env: Env): Step<ClosingPayee> | Refusal {
  const step = closed(state, env);
  return isRefusal(step) ? step : stay(step.state);
}
