import type { Amount } from '../base/amount.ts';
import { after, type Height } from '../base/height.ts';
import type { Coin } from '../coin/coin.ts';
import type { Terms } from '../contract/contract.ts';
import { rateOf } from '../contract/fee.ts';
import { DEEPLY_CONFIRMED, type Doubt, type Place } from './deposit-confirmation.ts';
import { branchOf, isSpent } from './deposit-view.ts';
import type { PayeeState } from './payee-state.ts';
import type { DepositView, FundingWait } from './state-machine.ts';

/**
 * The place of an output at this depth: 0 in the mempool, undefined if it is nowhere. Moving it between these two does not restart the count of
 * blocks.
 */
export function placeAt(depth: number | undefined, known: Place | undefined, tip: Height, { coin }: Terms): Place {
  if (depth !== undefined && depth > 0) return { at: 'block', height: after(tip, 1 - depth) };
  const since = known === undefined || known.at === 'block' ? tip : known.height;
  const doubt = known?.doubt;
  return { at: tip - since >= coin.channel.buried ? 'lost' : 'none', height: since, ...(doubt && { doubt }) };
}

/**
 * The same for a deposit as the chain shows it. A close in a block is not below the deposit that it spends; a close in the mempool says nothing about
 * the deposit's depth.
 */
export function placeIn(state: PayeeState, index: number, seen: DepositView, tip: Height): Place {
  const { terms, deposits } = state;
  const [deposit, known] = [deposits[index], knownPlace(state, index)];
  if (seen.kind === 'unspent') return placeAt(seen.depth, known, tip, terms);
  const isClosed = deposit !== undefined && isSpent(seen) && branchOf(terms, deposit, seen) === 'close';
  if (!isClosed) return placeAt(undefined, known, tip, terms);
  if (seen.depositDepth !== undefined) return placeAt(seen.depositDepth, known, tip, terms);
  const close = placeAt(seen.depth, known, tip, terms);
  return known?.at === 'block' && (close.at !== 'block' || known.height <= close.height) ? known : close;
}

/** States from before places were stored had deep deposits, unless their backing says otherwise. */
function knownPlace({ places, backing }: PayeeState, index: number): Place | undefined {
  return places === undefined && backing === undefined ? DEEPLY_CONFIRMED : places?.[index];
}

/** The state with its places; the same object when they are equal. When all deposits are deep, no places are stored. */
export function withPlaces(state: PayeeState, places: readonly Place[], tip: Height): PayeeState {
  const { places: known, ...rest } = state;
  const { buried } = state.terms.coin.channel;
  if (places.every(({ at, height }) => at === 'block' && tip - height + 1 >= buried)) return known === undefined ? state : rest;
  const isKnown = known?.length === places.length && known.every((place, i) => isSamePlace(place, places[i]));
  return isKnown ? state : { ...state, places };
}

function isSamePlace(a: Place, b: Place | undefined): boolean {
  return a.at === b?.at && a.height === b.height && a.doubt === b.doubt;
}

/** Why a funding transaction in the mempool may never be mined. Only its own fee counts: it must not have unconfirmed parents. */
export function fundingRisk({ waits }: { readonly waits?: FundingWait }, { policy }: Coin, feeRate: Amount): Doubt | undefined {
  if (waits === undefined) return 'untold';
  if (waits.ancestors > 0) return 'parents';
  if (rateOf(waits) < feeRate) return 'fee';
  return waits.isReplaceable && policy.replacement === 'opt-in' ? 'replaceable' : undefined;
}
