import type { Amount } from '../base/amount.ts';
import { after, type Height } from '../base/height.ts';
import type { Coin } from '../coin/coin.ts';
import type { Terms } from '../contract/contract.ts';
import { rateOf } from '../contract/fee.ts';
import { DEEPLY_CONFIRMED, type Doubt, type Place } from './deposit-confirmation.ts';
import { branchOf, isSpent } from './deposit-view.ts';
import type { PayeeState } from './payee-state.ts';
import type { DepositView, FundingWait } from './state-machine.ts';

/** The place of an output that is so deep: 0 in the mempool, undefined nowhere. Who can have it go back and forth between those two gains no time. */
export function placeAt(depth: number | undefined, known: Place | undefined, tip: Height, { coin }: Terms): Place {
  if (depth !== undefined && depth > 0) return { at: 'block', height: after(tip, 1 - depth) };
  const since = known === undefined || known.at === 'block' ? tip : known.height;
  const doubt = known?.doubt;
  return { at: tip - since >= coin.channel.buried ? 'lost' : 'none', height: since, ...(doubt && { doubt }) };
}

/** The same of a deposit as the chain shows it. A close in a block is no lower than what it spends; one in the mempool says nothing of that. */
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

/** What was stored before there were places was deep, unless its backing says that it need not be. */
function knownPlace({ places, backing }: PayeeState, index: number): Place | undefined {
  return places === undefined && backing === undefined ? DEEPLY_CONFIRMED : places?.[index];
}

/** The state with its places; the very same state when they are those it has. What is deep needs none. */
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

/** Why a funding in the mempool may never be mined. It builds on nothing there, so its own fee says all. */
export function fundingRisk({ waits }: { readonly waits?: FundingWait }, { policy }: Coin, feeRate: Amount): Doubt | undefined {
  if (waits === undefined) return 'untold';
  if (waits.ancestors > 0) return 'parents';
  if (rateOf(waits) < feeRate) return 'fee';
  return waits.isReplaceable && policy.replacement === 'opt-in' ? 'replaceable' : undefined;
}
