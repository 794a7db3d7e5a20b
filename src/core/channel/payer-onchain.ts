import { type Amount, add, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { certain } from '../base/lock-time.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { payerScript } from '../contract/contract.ts';
import { movedTo } from '../contract/units.ts';
import { outpointKey, type Transaction } from '../tx/transaction.ts';
import { isAbsent, isSame, isSettled, isSpent, isWaiting, paysOnly, type Spend, transactionsOf, viewOf } from './deposit-view.ts';
import { areSettled } from './held-outputs.ts';
import { shownSecret, withUnrevoked } from './payer-change.ts';
import { withFoundDeposits } from './payer-found-deposits.ts';
import { areTakenBack, takeBacks, withLockedSeen } from './payer-lock-claims.ts';
import { fundingBroadcasts } from './payer-open.ts';
import { cpfpEffects, outbid, refundOpen } from './payer-refund.ts';
import { penalties, penaltySigner, withRevoked } from './payer-revocation.ts';
import { allDeposits, channelOf, type EndedPayer, type PayerEnd, type PayerState, stillToCome } from './payer-state.ts';
import { type ChainView, type DepositView, type Effect, type Env, type Step, stay } from './state-machine.ts';

/** The payer's reaction to the chain as it is now: accepts further deposits, refunds after expiry, ends when everything is buried. */
export function payerOnchain(known: PayerState, view: ChainView, env: Env): Step<PayerState> | Refusal {
  if (known.kind === 'ended' && !hasCome(known, view)) return stay(known);
  const before: PayerState = known.kind === 'ended' ? { ...channelOf(known), kind: 'funding' } : known;
  const seen = withUnrevoked(withLockedSeen(withRevoked(before, view), view), view);
  const step = withPenalties(decideOnchain(seen, view, env), seen, view, env);
  if (withFoundDeposits(seen, view) === seen) return step;
  // Deposits found in this view are not judged yet, so the channel does not end before the next one; but such outputs delay nothing that is due.
  const base = isRefusal(step) || step.state.kind === 'ended' ? stay(seen) : step;
  return { ...base, state: withFoundDeposits(base.state, view) };
}

/** What takes back what a revoked close holds goes out whatever else is due. */
function withPenalties(step: Step<PayerState> | Refusal, state: PayerState, view: ChainView, env: Env): Step<PayerState> | Refusal {
  const { held = [] } = state;
  const punishing = held.length === 0 ? [] : penalties({ ...state, deposits: allDeposits(state) }, view, env, penaltySigner(env.signer));
  const due = [...punishing, ...takeBacks(state, view, env)];
  if (due.length === 0) return step;
  return isRefusal(step) ? stay(state, ...due) : { ...step, effects: [...step.effects, ...due] };
}

function decideOnchain(state: PayerState, view: ChainView, env: Env): Step<PayerState> | Refusal {
  const { terms } = state;
  const views = allDeposits(state).map((deposit) => viewOf(deposit, view));
  const spends = views.filter(isSpent);
  const isExpired = certain(terms.expiry, env) >= terms.expiry;
  // The payer sends a funding transaction until the expiry: one that is still missing then was never made, or another took its place.
  const isLeft = views.some((one) => one.kind === 'unspent' || (isAbsent(one) && !isExpired && !isSettled(one, terms, env)));
  if (
    !isLeft &&
    spends.length > 0 &&
    spends.every((one) => isSettled(one, terms, env)) &&
    areSettled({ ...state, deposits: allDeposits(state) }, view, env) &&
    areTakenBack(state, view, env)
  ) {
    return endedChannel(state, [
      ...spends,
      ...[...(state.held ?? []), ...(state.locked ?? [])].map((one) => viewOf(one, view)).filter(isSpent),
    ]);
  }
  if (!isLeft && views.length > 0 && views.every((one) => isAbsent(one) && isSettled(one, terms, env)))
    return stay(abandonedChannel(state));
  if (state.kind === 'ending' && state.transaction !== undefined && isStillAgreed(state.transaction, views, isExpired)) {
    return outbid(state, view, env) ?? stay(state, ...rebroadcastCoopClose(state, state.transaction, views, env));
  }
  if (isExpired || shownSecret(state, view) !== undefined) return refundOpen(state, view, env);
  const isMissing = views.some((one) => one.kind === 'missing');
  return state.kind !== 'planned' && isMissing ? stay(state, ...fundingBroadcasts(state, env)) : stay(state);
}

/** An agreed end is kept until the expiry, and after it as long as it is in the mempool or a block. */
function isStillAgreed(transaction: Transaction, views: readonly DepositView[], isExpired: boolean): boolean {
  return !isExpired || views.some((one) => isWaiting(one) && isSame(one.transaction, transaction));
}

/** Sends the end again while it is not in the mempool, with the children that it needs if its fee has become too low. */
function rebroadcastCoopClose(state: PayerState, transaction: Transaction, views: readonly DepositView[], env: Env): readonly Effect[] {
  const spends = views.filter(isSpent).filter((one) => isSame(one.transaction, transaction));
  if (spends.some(({ depth }) => depth > 0)) return [];
  const children = cpfpEffects(state, transaction, env, env.feeRate);
  if (children.length > 0) return children;
  return spends.length > 0 ? [] : [{ kind: 'broadcast', transaction }];
}

function hasCome(state: EndedPayer, view: ChainView): boolean {
  return view.found.length > 0 || stillToCome(state).some((deposit) => !isAbsent(viewOf(deposit, view)));
}

/** No coin ever came. */
function abandonedChannel(state: PayerState): PayerState {
  return { ...channelOf(state), kind: 'ended', how: 'abandoned', returned: ZERO, transactions: [] };
}

function endedChannel(state: PayerState, spends: readonly Spend[]): Step<PayerState> {
  const transactions = transactionsOf(spends);
  const how = endKind(state, transactions);
  return stay({ ...channelOf(state), kind: 'ended', how, returned: returnedBy(state, transactions), transactions });
}

function endKind(state: PayerState, transactions: readonly Transaction[]): PayerEnd {
  const own = new Set(allDeposits(state).map(({ outpoint }) => outpointKey(outpoint)));
  const unlocks = transactions.flatMap(({ inputs }) => inputs.filter(({ outpoint }) => own.has(outpointKey(outpoint))));
  const kinds = unlocks.map(({ script }) => state.terms.contract.recognise(script));
  if (kinds.includes('foreign')) return 'lost';
  if (isPunished(state, transactions)) return 'punished';
  return kinds.includes('close') ? 'closed' : 'refunded';
}

/** Whether this payer took what a revoked close held. */
function isPunished({ held = [], returnScript }: PayerState, transactions: readonly Transaction[]): boolean {
  const taken = new Set(held.map(({ outpoint }) => outpointKey(outpoint)));
  const takers = transactions.filter(({ inputs }) => inputs.some(({ outpoint }) => taken.has(outpointKey(outpoint))));
  return takers.some((one) => paysOnly(one, returnScript));
}

/** What came back to the payer: its change and the outputs to its return script. */
function returnedBy(state: PayerState, transactions: readonly Transaction[]): Amount {
  const own = [payerScript(state.terms), state.returnScript];
  const isSame = equalBytes(own[0] ?? state.returnScript, state.returnScript);
  return add(...own.slice(isSame ? 1 : 0).map((script) => movedTo(state.terms, transactions, script)));
}
