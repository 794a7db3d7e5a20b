import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { spentIn } from '../contract/agreement.ts';
import type { Agreement } from '../contract/contract.ts';
import { leastEndFee } from '../contract/end-fee.ts';
import type { End } from '../message/message.ts';
import { outpointKey, type Transaction } from '../tx/transaction.ts';
import { blocksToDepth, isBacked } from './backing.ts';
import { isSame, spentBy } from './fate.ts';
import { type Env, type Step, stay } from './machine.ts';
import { claimed, isOwnClose, unminedOf } from './payee-press.ts';
import { type ActivePayee, type ClosingPayee, factsOf, isActive, notActive, type PayeeState } from './payee-state.ts';
import { DEEP } from './place.ts';

/** Co-signs at once what the payer could otherwise only have after expiry, if the payee can't lose by it. */
export function ended(state: PayeeState, { agreement, signatures }: End, env: Env): Step<PayeeState> | Refusal {
  const { terms, deposits, best } = state;
  const agreed = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(agreed)) return agreed;
  if (state.kind === 'closing' && isSame(state.transaction, agreed)) return answered(state, state.transaction);
  if (!isActive(state) && !isVoid(state)) return notActive(state);
  // Before anything is said that only the payer may know.
  if (!terms.contract.verifyAgreement(terms, agreed, signatures, env.verify)) return refuse('signature-wrong');
  if (best !== undefined && agreement.total < best.total) return refuse('agreement-short', factsOf(state, best));
  const worse = worseThanClose(state, agreement, env);
  if (worse !== undefined) return worse;
  const own = terms.contract.signAgreement(terms, agreed, env.signer);
  const transaction = terms.contract.completeAgreement(terms, agreed, signatures, own);
  return answered({ ...state, kind: 'closing', transaction }, transaction);
}

/** Whether an end at nothing spends what is in no block, and may never be: another does not harm, since nothing is taken after the first. */
function isVoid(state: PayeeState): boolean {
  if (state.kind !== 'closing' || state.best !== undefined) return false;
  const { transaction, deposits, places = [] } = state;
  const there = deposits.filter((_, i) => (places[i] ?? DEEP).at === 'block');
  return spentBy(transaction, there).length < transaction.inputs.length;
}

/** Why the payee could get less by an end, or later, than by its own close of the best payment: whoever is paid nothing loses nothing. */
function worseThanClose(state: PayeeState, agreement: Agreement, env: Env): Refusal | undefined {
  const { terms, deposits, best } = state;
  if (best === undefined) return undefined;
  const spent = spentIn(deposits, agreement);
  const shallow = spent.find((deposit) => !isBacked(state, deposit));
  if (shallow !== undefined) {
    const blocks = blocksToDepth(state, env);
    const seconds = blocks * terms.coin.blockSeconds;
    return refuse('funding-unconfirmed', { outpoint: outpointKey(shallow.outpoint), blocks, seconds });
  }
  const least = leastEndFee({ terms, deposits, total: best.total }, spent, env);
  return agreement.fee < least ? refuse('agreement-slow', { fee: agreement.fee, least }) : undefined;
}

function answered(state: PayeeState, transaction: Transaction): Step<PayeeState> {
  const reply = { kind: 'reply', message: { kind: 'ended', channel: state.channel, transaction } } as const;
  return stay(state, reply, { kind: 'broadcast', transaction });
}

/** The owner's order: takes the place of an agreed end too. */
export function ordered(state: PayeeState, env: Env): Step<ClosingPayee> | Refusal {
  const isOpen = isActive(state) || (state.kind === 'closing' && !isOwnClose(state));
  return isOpen ? closed(state, env) : notActive(state);
}

/** Closes with the best payment; there is no other way to choose one. What is in no block could hold up the rest, and is claimed later. */
export function closed(state: ActivePayee | ClosingPayee, env: Env): Step<ClosingPayee> | Refusal {
  const unheld = claimed(state, env, unminedOf(state));
  const transaction = isRefusal(unheld) ? claimed(state, env) : unheld;
  if (isRefusal(transaction)) return transaction;
  return { kind: 'step', state: { ...state, kind: 'closing', transaction }, effects: [{ kind: 'broadcast', transaction }] };
}

/** The same order for whoever closes several together. The own close is sent by them, and at the next look at the chain that finds it due. */
export function gathered(state: PayeeState, env: Env): Step<ClosingPayee> | Refusal {
  const step = ordered(state, env);
  return isRefusal(step) ? step : stay(step.state);
}
