import { type Amount, add, ZERO } from '../base/amount.ts';
import { after, type Height } from '../base/height.ts';
import { type DepthStep, depthFor } from '../coin/coin.ts';
import { capacityOf, type Deposit } from '../contract/contract.ts';
import { type Doubt, notWrittenOff } from './deposit-confirmation.ts';
import { branchOf, isSpent, viewOf } from './deposit-view.ts';
import { placeAt, placeIn, withPlaces } from './funding-risk.ts';
import type { ActivePayee, Backing, PayeeState } from './payee-state.ts';
import type { ChainView, DepositView, Env } from './state-machine.ts';

/** Depth of a deposit, 0 in the mempool; undefined when it does not exist or was spent by something else. */
type DepthOf = (deposit: Deposit) => number | undefined;

/**
 * The backing of deposits; undefined when all are deep enough. A further deposit raises the depth that all together need, but does not reduce what
 * the others back already.
 */
export function backingOf(deposits: readonly Deposit[], steps: readonly DepthStep[], depthOf: DepthOf, tip: Height): Backing | undefined {
  let [backed, sum] = [ZERO, ZERO];
  let least = Number.POSITIVE_INFINITY;
  for (const deposit of deposits) {
    sum = add(sum, deposit.value);
    least = Math.min(least, depthOf(deposit) ?? -1);
    if (least < neededFor(steps, sum)) break;
    backed = sum;
  }
  const capacity = capacityOf(deposits);
  if (backed === capacity) return undefined;
  const shallowest = Math.min(...deposits.map((deposit) => depthOf(deposit) ?? 0));
  return shallowest > 0 ? { backed, deepAt: after(tip, neededFor(steps, capacity) - shallowest) } : { backed };
}

/** A deposit that is in no block is never deep enough. */
function neededFor(steps: readonly DepthStep[], sum: Amount): number {
  return Math.max(1, depthFor(steps, sum));
}

/** The state with its places and its backing as the chain is now; the same object when nothing has changed. */
export function backedBy(state: PayeeState, view: ChainView, { tip }: Pick<Env, 'tip'>): PayeeState {
  if (state.kind === 'ended') return state;
  const places = state.deposits.map((deposit, i) => placeIn(state, i, viewOf(deposit, view), tip));
  const depthOf: DepthOf = (deposit) => depthIn(state, deposit, viewOf(deposit, view));
  return backedAs(withPlaces(state, places, tip), depthOf, tip);
}

/** The same from what the node says of announced deposits, with the reasons why new ones may never be mined. */
export function backedAt(
  state: PayeeState,
  depthOf: DepthOf,
  { tip }: Pick<Env, 'tip'>,
  doubtIn: (deposit: Deposit) => Doubt | undefined = () => undefined,
): PayeeState {
  const places = state.deposits.map((deposit, i) => {
    const place = placeAt(depthOf(deposit), state.places?.[i], tip, state.terms);
    const doubt = place.at === 'none' ? doubtIn(deposit) : undefined;
    return doubt === undefined ? place : { ...place, doubt };
  });
  return backedAs(withPlaces(state, places, tip), depthOf, tip);
}

function backedAs(state: PayeeState, depthOf: DepthOf, tip: Height): PayeeState {
  const standing = notWrittenOff(state);
  if (standing.length === 0) return withBacking(state, { backed: ZERO });
  const backing = backingOf(standing, state.limits.depth, depthOf, tip);
  return withBacking(state, backing ?? (standing.length < state.deposits.length ? { backed: capacityOf(standing) } : undefined));
}

/** A close only shows that the deposit it spends is at least as deep, unless the node says more: so what was backed before stays backed. */
function depthIn(state: PayeeState, deposit: Deposit, seen: DepositView): number | undefined {
  if (seen.kind === 'unspent') return seen.depth;
  if (!isSpent(seen) || branchOf(state.terms, deposit, seen) !== 'close') return undefined;
  if (seen.depositDepth !== undefined) return seen.depositDepth;
  return isBacked(state, deposit) ? Number.MAX_SAFE_INTEGER : seen.depth;
}

/** Whether a deposit, and all before it, have the depth that they need together. */
export function isBacked(state: PayeeState, deposit: Deposit): boolean {
  const { backing } = state;
  const standing = notWrittenOff(state);
  const index = standing.indexOf(deposit);
  return backing === undefined || (index >= 0 && capacityOf(standing.slice(0, index + 1)) <= backing.backed);
}

function withBacking(state: PayeeState, backing: Backing | undefined): PayeeState {
  if (state.backing?.backed === backing?.backed && state.backing?.deepAt === backing?.deepAt) return state;
  const { backing: _, ...rest } = state;
  return backing === undefined ? rest : { ...rest, backing };
}

/** The least number of blocks until all deposits are deep enough. */
export function blocksToDepth({ deposits, limits, backing }: PayeeState, { tip }: Pick<Env, 'tip'>): number {
  if (backing === undefined) return 0;
  return backing.deepAt === undefined ? neededFor(limits.depth, capacityOf(deposits)) : Math.max(1, backing.deepAt - tip);
}

/**
 * The state with its reach as the chain is now; open if all deposits that the best payment spends are there. The same object when nothing has
 * changed. If value is delivered before a deposit is deep, the mempool is enough; otherwise a deposit that left the chain counts again when it has
 * the depth for its amount.
 */
export function reaching(state: ActivePayee, needed: readonly Deposit[], view: ChainView): ActivePayee {
  const { kind, deposits, limits } = state;
  const isThere = (deposit: Deposit, depth: number): boolean => {
    const seen = viewOf(deposit, view);
    return seen.kind === 'unspent' && seen.depth >= depth;
  };
  const least = limits.unconfirmed === undefined ? 1 : 0;
  const first = deposits.findIndex((deposit) => !isThere(deposit, least));
  const deep = least === 0 || kind === 'open' ? least : depthFor(limits.depth, capacityOf(needed));
  const isFunded = needed.every((deposit) => isThere(deposit, deep));
  return withReach({ ...state, kind: isFunded ? 'open' : 'paused' }, first < 0 ? undefined : capacityOf(deposits.slice(0, first)), state);
}

function withReach({ reach: _, ...rest }: ActivePayee, reach: Amount | undefined, before: ActivePayee): ActivePayee {
  if (rest.kind === before.kind && reach === before.reach) return before;
  return reach === undefined ? rest : { ...rest, reach };
}
