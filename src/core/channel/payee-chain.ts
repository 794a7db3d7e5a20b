import { isRefusal, type Refusal } from '../base/refusal.ts';
import { depthFor } from '../coin/coin.ts';
import { capacityOf, closingHeight, type Deposit } from '../contract/contract.ts';
import { outpointKey, type Transaction } from '../tx/transaction.ts';
import { type ChainView, type DepositView, type Env, type Step, stay } from './machine.ts';
import { closed } from './payee-close.ts';
import type { ActivePayee, PayeeEnd, PayeeState } from './payee-state.ts';

/** What the payee does about the chain as it is now: closes in time, pauses and resumes, sends its close until it is buried. */
export function observed(state: PayeeState, view: ChainView, env: Env): Step<PayeeState> | Refusal {
  if (state.kind === 'ended') return stay(state);
  if (state.kind === 'closing') return pressed(state, view);
  const spend = spendOf(state.deposits, view);
  if (spend !== undefined) return settle(state, spend, env);
  if (env.tip >= closingHeight(state.terms)) return due(state, env);
  const depth = depthFor(state.limits.depth, capacityOf(state.deposits));
  const isFunded = state.deposits.every((deposit) => {
    const seen = viewOf(deposit, view);
    return seen.kind === 'unspent' && seen.depth >= (state.kind === 'paused' ? depth : 1);
  });
  if (isFunded === (state.kind === 'open')) return stay(state);
  return stay({ ...state, kind: isFunded ? 'open' : 'paused' });
}

type Spend = Extract<DepositView, { kind: 'spent' }>;

function viewOf({ outpoint }: Deposit, view: ChainView): DepositView {
  return view.deposits.get(outpointKey(outpoint)) ?? { kind: 'missing' };
}

/** The first deposit's spend that a node reports; a close always spends the first. */
function spendOf(deposits: readonly Deposit[], view: ChainView): Spend | undefined {
  return deposits.map((deposit) => viewOf(deposit, view)).find((seen) => seen.kind === 'spent');
}

/** Inside the margin the best payment is closed; without one there is nothing to lose and the payer may have it all back. */
function due(state: ActivePayee, env: Env): Step<PayeeState> | Refusal {
  if (state.best !== undefined) return closed(state, env);
  return env.tip >= state.terms.expiry ? stay({ ...state, kind: 'ended', how: 'unused' }) : stay(state);
}

/** A deposit was spent while no close was under way: an older self's end, or the payer's refund. The best payment contests it; nothing more is taken. */
function settle(state: ActivePayee, spend: Spend, env: Env): Step<PayeeState> | Refusal {
  if (spend.depth >= state.terms.coin.channel.buried) return over(state, spend);
  const step = state.best && closed(state, env);
  if (step !== undefined && !isRefusal(step)) return step;
  return stay(state.kind === 'paused' ? state : { ...state, kind: 'paused' });
}

function over(state: PayeeState, spend: Spend): Step<PayeeState> {
  if (spend.depth < state.terms.coin.channel.buried) return stay(state);
  return stay({ ...state, kind: 'ended', how: howOf(state, spend.transaction), transaction: spend.transaction });
}

function howOf(state: PayeeState, transaction: Transaction): PayeeEnd {
  const own = new Set(state.deposits.map(({ outpoint }) => outpointKey(outpoint)));
  const input = transaction.inputs.find(({ outpoint }) => own.has(outpointKey(outpoint)));
  const spend = state.terms.contract.recognise(input?.script ?? new Uint8Array());
  if (spend === 'close') return 'closed';
  return spend === 'refund' ? 'refunded' : 'lost';
}

/** Sends the close again for as long as any deposit it spends is unspent; over when all of them are buried. */
function pressed(state: Extract<PayeeState, { kind: 'closing' }>, view: ChainView): Step<PayeeState> {
  const spent = new Set(state.transaction.inputs.map(({ outpoint }) => outpointKey(outpoint)));
  const views = state.deposits.filter(({ outpoint }) => spent.has(outpointKey(outpoint))).map((deposit) => viewOf(deposit, view));
  const buried = views.filter((seen) => seen.kind === 'spent' && seen.depth >= state.terms.coin.channel.buried);
  const [spend] = buried;
  if (spend?.kind === 'spent' && buried.length === views.length) return over(state, spend);
  const isPending = views.every((seen) => seen.kind === 'spent');
  return isPending ? stay(state) : stay(state, { kind: 'broadcast', transaction: state.transaction });
}
