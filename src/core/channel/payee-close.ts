import { ZERO } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import type { Agreement } from '../contract/agreement.ts';
import { depositsSpentBy } from '../contract/coop-close-tx.ts';
import { minCoopCloseFee } from '../contract/payee-coop-close-min-fee.ts';
import type { End } from '../message/message.ts';
import { outpointKey, type Transaction } from '../tx/transaction.ts';
import { blocksToDepth, isBacked } from './confirmed-capacity.ts';
import { DEEPLY_CONFIRMED } from './deposit-confirmation.ts';
import { isSame, spentBy } from './deposit-view.ts';
import { closeAtDueRate, isOwnClose, unminedStake } from './payee-close-rbf.ts';
import { pendingRefusal } from './payee-locks.ts';
import { type ActivePayee, type ClosingPayee, factsOf, isActive, notActive, type PayeeState } from './payee-state.ts';
import { type Env, type Step, stay } from './state-machine.ts';

/** Signs an agreed end at once, if the payee can't lose by it; otherwise the payer would have to wait for the expiry. */
export function answerCoopClose(state: PayeeState, { agreement, signatures }: End, env: Env): Step<PayeeState> | Refusal {
  const { terms, deposits, best } = state;
  const agreed = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(agreed)) return agreed;
  if (state.kind === 'closing' && isSame(state.transaction, agreed)) return answered(state, state.transaction);
  if (!isActive(state) && !isVoid(state) && !mayStillJoin(state, agreement)) return notActive(state);
  // First, because the answers below are for the payer only.
  if (!terms.contract.verifyAgreement(terms, agreed, signatures, env.verify)) return refuse('signature-wrong');
  if (best !== undefined && agreement.total < best.total) return refuse('agreement-short', factsOf(state, best));
  const pending = pendingRefusal(state);
  if (pending !== undefined) return pending;
  // A payer that names more has forgotten what was given back.
  const isTooMuch = terms.contract.revocation !== undefined && agreement.total > (best?.total ?? ZERO);
  if (isTooMuch) return refuse('agreement-short', best && factsOf(state, best));
  const worse = worseThanClose(state, agreement, env);
  if (worse !== undefined) return worse;
  const own = terms.contract.signAgreement(terms, agreed, env.signer);
  const transaction = terms.contract.completeAgreement(terms, agreed, signatures, own);
  if (agreement.beside !== undefined) return joinedEnd(state, transaction, env);
  return answered({ ...state, kind: 'closing', transaction }, transaction);
}

/** Whether one transaction with another channel may still replace an own close that is on its way: the channel takes no payments any more. */
function mayStillJoin(state: PayeeState, { beside }: Agreement): state is ClosingPayee {
  return beside !== undefined && state.kind === 'closing' && isOwnClose(state);
}

/**
 * One transaction ends another channel too, and is good only with the signatures of that. Who answers sends it; until then, and if it is never mined, the
 * own close is what counts, as for a shared close.
 */
function joinedEnd(state: PayeeState, transaction: Transaction, env: Env): Step<PayeeState> | Refusal {
  const reply = { kind: 'reply', message: { kind: 'ended', channel: state.channel, transaction } } as const;
  if (state.kind === 'closing') return stay(state, reply);
  const step = closeForSharing(state, env);
  return isRefusal(step) ? step : stay(step.state, reply);
}

/**
 * Whether an end without any payment spends deposits in no block, which may never be mined. Then a second end is harmless, since no payment is
 * accepted after the first.
 */
function isVoid(state: PayeeState): boolean {
  if (state.kind !== 'closing' || state.best !== undefined) return false;
  const { transaction, deposits, places = [] } = state;
  const there = deposits.filter((_, i) => (places[i] ?? DEEPLY_CONFIRMED).at === 'block');
  return spentBy(transaction, there).length < transaction.inputs.length;
}

/** Why the payee would get less, or get it later, by an agreed end than by its own close. A payee without a payment loses nothing. */
function worseThanClose(state: PayeeState, agreement: Agreement, env: Env): Refusal | undefined {
  const { terms, deposits, best } = state;
  if (best === undefined) return undefined;
  const spent = depositsSpentBy(deposits, agreement);
  const shallow = spent.find((deposit) => !isBacked(state, deposit));
  if (shallow !== undefined) {
    const blocks = blocksToDepth(state, env);
    const seconds = blocks * terms.coin.blockSeconds;
    return refuse('funding-unconfirmed', { outpoint: outpointKey(shallow.outpoint), blocks, seconds });
  }
  const least = minCoopCloseFee({ terms, deposits, total: best.total }, spent, env);
  return agreement.fee < least ? refuse('agreement-slow', { fee: agreement.fee, least }) : undefined;
}

function answered(state: PayeeState, transaction: Transaction): Step<PayeeState> {
  const reply = { kind: 'reply', message: { kind: 'ended', channel: state.channel, transaction } } as const;
  return stay(state, reply, { kind: 'broadcast', transaction });
}

/** Closes because the owner says so; replaces an agreed end too. */
export function closeOnOrder(state: PayeeState, env: Env): Step<ClosingPayee> | Refusal {
  const isOpen = isActive(state) || (state.kind === 'closing' && !isOwnClose(state));
  return isOpen ? startClosing(state, env) : notActive(state);
}

/** Closes with the best payment; no other can be chosen. Deposits in no block could delay the others, so they are claimed later. */
export function startClosing(state: ActivePayee | ClosingPayee, env: Env): Step<ClosingPayee> | Refusal {
  const unheld = closeAtDueRate(state, env, unminedStake(state));
  const transaction = isRefusal(unheld) ? closeAtDueRate(state, env) : unheld;
  if (isRefusal(transaction)) return transaction;
  return { kind: 'step', state: { ...state, kind: 'closing', transaction }, effects: [{ kind: 'broadcast', transaction }] };
}

/**
 * The same for a caller that closes several channels together. The caller sends the shared close; the own close is sent by a later look at the chain
 * that finds it necessary.
 */
export function closeForSharing(state: PayeeState, env: Env): Step<ClosingPayee> | Refusal {
  const step = closeOnOrder(state, env);
  return isRefusal(step) ? step : stay(step.state);
}
