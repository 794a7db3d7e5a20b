import { type Amount, amount, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { type Deposit, payerScript } from '../contract/contract.ts';
import { leastDeposit } from '../contract/size.ts';
import { outpointKey, type Transaction } from '../tx/transaction.ts';
import { type ChainView, type DepositView, type Env, type Step, stay } from './machine.ts';
import { fundingBroadcasts } from './payer-open.ts';
import { allDeposits, channelOf, type PayerEnd, type PayerState } from './payer-state.ts';

/** What the payer does about the chain as it is now: takes in further deposits, refunds after expiry, ends when all is buried. */
export function watched(seen: PayerState, view: ChainView, env: Env): Step<PayerState> | Refusal {
  if (seen.kind === 'ended') return stay(seen);
  const state = withFound(seen, view);
  const { buried } = state.terms.coin.channel;
  const views = allDeposits(state).map((deposit) => viewOf(deposit, view));
  const spends = views.filter((seen) => seen.kind === 'spent');
  const isMissing = views.some((seen) => seen.kind === 'missing');
  const isExpired = env.tip >= state.terms.expiry;
  // A funding transaction is sent until the expiry: what is still missing then was never made, or another took its place.
  const isLeft = views.some((seen) => seen.kind === 'unspent' || (seen.kind === 'missing' && !isExpired));
  if (!isLeft && spends.length > 0) return spends.every(({ depth }) => depth >= buried) ? over(state, spends) : stay(state);
  if (!isLeft && isMissing && env.tip >= state.terms.expiry + buried) return stay(never(state));
  if (isExpired) return refunding(state, view, env);
  if (state.kind === 'ending' && state.transaction !== undefined) return stay(state, { kind: 'broadcast', transaction: state.transaction });
  return state.kind !== 'planned' && isMissing ? stay(state, ...fundingBroadcasts(state)) : stay(state);
}

function viewOf({ outpoint }: Deposit, view: ChainView): DepositView {
  return view.deposits.get(outpointKey(outpoint)) ?? { kind: 'missing' };
}

/** Outputs to the channel's script that are worth it are deposits, whoever made them. One that replaced a deposit under another id takes its place. */
function withFound(state: PayerState, view: ChainView): PayerState {
  if (view.found.length === 0) return state;
  const known = new Set(allDeposits(state).map(({ outpoint }) => outpointKey(outpoint)));
  const found = new Map(view.found.map((one) => [outpointKey(one.deposit.outpoint), one]));
  const taken = [...found]
    .filter(([key, { deposit }]) => !known.has(key) && deposit.value >= leastDeposit(state.terms))
    .map(([, one]) => one);
  if (taken.length === 0) return state;
  const made = taken.map(({ deposit }) => deposit);
  const kept = state.offered.filter(
    (deposit) => viewOf(deposit, view).kind !== 'missing' || !made.some(({ value }) => value === deposit.value),
  );
  const funding = [...state.funding, ...taken.map(({ transaction }) => transaction)];
  const next = { ...state, offered: [...kept, ...made], funding };
  return next.kind === 'planned' ? { ...next, kind: 'funding' } : next;
}

/** Valid from tip = expiry. Made anew for what is unspent, so that neither a malleated deposit nor a partial close holds it up. */
export function refunding(state: PayerState, view: ChainView, env: Env): Step<PayerState> | Refusal {
  if (env.tip < state.terms.expiry) return refuse('refund-too-early', { tip: env.tip, expiry: state.terms.expiry });
  const unspent = allDeposits(state).filter((deposit) => viewOf(deposit, view).kind === 'unspent');
  if (unspent.length === 0) return stay(state);
  const kept = state.kind === 'refunding' && isRefundOf(state.transaction, unspent) ? state.transaction : undefined;
  const refund = (feeRate: Amount): Transaction | Refusal =>
    state.terms.contract.refund(state.terms, unspent, { script: state.returnScript, feeRate }, env.signer);
  const quick = kept ?? refund(env.feeRate);
  // When fees are too high for so small a deposit, a refund that may wait for its block is better than none.
  const transaction = isRefusal(quick) ? refund(state.terms.coin.policy.feeRate) : quick;
  if (isRefusal(transaction)) return transaction;
  return stay({ ...channelOf(state), kind: 'refunding', transaction }, { kind: 'broadcast', transaction });
}

function isRefundOf(transaction: Transaction, unspent: readonly Deposit[]): boolean {
  const spent = new Set(transaction.inputs.map(({ outpoint }) => outpointKey(outpoint)));
  return spent.size === unspent.length && unspent.every(({ outpoint }) => spent.has(outpointKey(outpoint)));
}

type Spend = Extract<DepositView, { kind: 'spent' }>;

/** No coin ever came. */
function never(state: PayerState): PayerState {
  return { ...channelOf(state), kind: 'ended', how: 'abandoned', returned: ZERO, transactions: [] };
}

function over(state: PayerState, spends: readonly Spend[]): Step<PayerState> {
  const transactions = [...new Set(spends.map(({ transaction }) => transaction))];
  const how = howOf(state, transactions);
  return stay({ ...channelOf(state), kind: 'ended', how, returned: returnedBy(state, transactions), transactions });
}

function howOf(state: PayerState, transactions: readonly Transaction[]): PayerEnd {
  const own = new Set(allDeposits(state).map(({ outpoint }) => outpointKey(outpoint)));
  const unlocks = transactions.flatMap(({ inputs }) => inputs.filter(({ outpoint }) => own.has(outpointKey(outpoint))));
  const kinds = unlocks.map(({ script }) => state.terms.contract.recognise(script));
  if (kinds.includes('foreign')) return 'lost';
  return kinds.includes('close') ? 'closed' : 'refunded';
}

/** What came back to the payer by its change and by its return script. */
function returnedBy(state: PayerState, transactions: readonly Transaction[]): Amount {
  const own = [payerScript(state.terms), state.returnScript];
  const outputs = transactions.flatMap(({ outputs }) => outputs.filter(({ script }) => own.some((mine) => equalBytes(mine, script))));
  return amount(outputs.reduce((sum, { value }) => sum + value, 0n));
}
