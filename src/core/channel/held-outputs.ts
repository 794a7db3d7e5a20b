import { type Amount, greatest } from '../base/amount.ts';
import { after, type Height } from '../base/height.ts';
import { type ChainTime, certain } from '../base/lock-time.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import type { Deposit, HeldOutput, RevocationHash, Terms } from '../contract/contract.ts';
import { affordableRate, costOf, isRaise, isReplaceable, raisedRate, times, type Urgency } from '../contract/fee.ts';
import { coinsOf } from '../contract/units.ts';
import { outpointKey, sameOutpoint, type Transaction, transactionId } from '../tx/transaction.ts';
import { combinedCost, isSpent, isWaiting, paysOnly, type Spend, transactionsOf, viewOf } from './deposit-view.ts';
import type { ChainView, DepositView, Effect, Env } from './state-machine.ts';

/** The outputs that closes hold for the payee under these hashes, as the chain is now. */
export function heldIn(
  terms: Terms,
  deposits: readonly Deposit[],
  view: ChainView,
  hashes: readonly RevocationHash[],
): readonly HeldOutput[] {
  const { revocation } = terms.contract;
  if (revocation === undefined || hashes.length === 0) return [];
  const spends = deposits.map((deposit) => viewOf(deposit, view)).filter(isSpent);
  return transactionsOf(spends).flatMap((transaction) => revocation.outputs(terms, transaction, hashes));
}

/** The state with these held outputs; the same object when nothing has changed. */
export function withHeld<State extends { readonly held?: readonly HeldOutput[] }>(state: State, held: readonly HeldOutput[]): State {
  const { held: before = [], ...rest } = state;
  if (areSameOutputs(before, held)) return state;
  return { ...rest, ...(held.length > 0 && { held }) } as State;
}

export function areSameOutputs(before: readonly Deposit[], after: readonly Deposit[]): boolean {
  return after.length === before.length && after.every((one, i) => before[i] && sameOutpoint(one.outpoint, before[i].outpoint));
}

/** Whether what became of the held outputs is final. One that was taken unseen is given up when a payout would be buried. */
export function areSettled(holding: Holding, view: ChainView, env: ChainTime): boolean {
  const { terms, held = [] } = holding;
  const { contract, coin } = terms;
  return held.every((one) => {
    const seen = heldView(one, view);
    if (isSpent(seen)) return seen.depth >= coin.channel.buried;
    const lock = contract.revocation?.payoutAt(terms, closedAt(holding, one, view, env)) ?? terms.expiry;
    return seen.kind !== 'unspent' && certain(lock, env) >= lock + coin.channel.buried;
  });
}

/** The height of the block that holds the close of a held output; of the next one, while none does. */
export function closedAt({ deposits }: Holding, { outpoint }: HeldOutput, view: ChainView, { tip }: ChainTime): Height {
  const spends = deposits.map((deposit) => viewOf(deposit, view)).filter(isSpent);
  const depth = spends.find(({ transaction }) => transactionId(transaction) === outpoint.txid)?.depth ?? 0;
  return after(tip, 1 - depth);
}

/** A held output that was just found is in no view yet and counts as unspent, so that a program that looks only once still acts. */
function heldView({ outpoint }: HeldOutput, view: ChainView): DepositView {
  return view.deposits.get(outpointKey(outpoint)) ?? { kind: 'unspent', depth: 0 };
}

/** What closes hold of a channel; `deposits` are all that they may have spent. */
export interface Holding {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly held?: readonly HeldOutput[];
}

/** What a claim depends on besides the view. */
export type ClaimEnv = ChainTime & Pick<Env, 'feeRate'>;

/** How one side takes held outputs. `size` in bytes, for one output. */
export interface Claim {
  readonly to: Uint8Array;
  readonly size: number;
  readonly urgency: Urgency;
  readonly make: (held: HeldOutput, feeRate: Amount) => Transaction | Refusal;
}

/**
 * Takes each unspent output by its own transaction. One that waits too long is raised; one that the other side is taking is outbid. `claimOf`: how to
 * take what a close mined at that height holds; undefined while that is not possible.
 */
export function claimHeld(
  holding: Holding,
  view: ChainView,
  claimOf: (mined: Height) => Claim | undefined,
  env: ClaimEnv,
): readonly Effect[] {
  const { terms, held = [] } = holding;
  return held.flatMap((one) => {
    const claim = claimOf(closedAt(holding, one, view, env));
    if (claim === undefined) return [];
    const seen = heldView(one, view);
    if (seen.kind === 'unspent') return broadcastOf(claimAt(one, terms, claim, times(env.feeRate, claim.urgency.factor)));
    return isWaiting(seen) ? broadcastOf(outbidding(one, seen, terms, claim, env)) : [];
  });
}

function broadcastOf(made: Transaction | Refusal | undefined): readonly Effect[] {
  return made === undefined || isRefusal(made) ? [] : [{ kind: 'broadcast', transaction: made }];
}

function claimAt(one: HeldOutput, { coin }: Terms, { make, urgency, size }: Claim, wanted: Amount): Transaction | Refusal {
  return make(one, affordableRate(coin.policy, wanted, urgency.share, coinsOf(one), size));
}

/** A raise of the own claim, when one is due, or a claim that replaces another's. */
function outbidding(one: HeldOutput, seen: Spend, terms: Terms, claim: Claim, { feeRate }: ClaimEnv): Transaction | undefined {
  const { policy } = terms.coin;
  const before = combinedCost([seen], [one]);
  if (before === undefined || !isReplaceable(policy, seen.transaction)) return undefined;
  const isOwn = paysOnly(seen.transaction, claim.to);
  const due = times(feeRate, claim.urgency.factor);
  const made = claimAt(one, terms, claim, isOwn ? due : greatest(due, raisedRate(policy, before, claim.size)));
  const after = isRefusal(made) ? undefined : costOf(made, [one]);
  return isRefusal(made) || after === undefined || !isRaise(policy, before, after) ? undefined : made;
}
