import { type Amount, add, least, subtract, ZERO } from '../base/amount.ts';
import { type Height, height } from '../base/height.ts';
import { capacityOf, type Deposit, type Terms } from '../contract/contract.ts';

/**
 * Where the chain held a deposit when it was last looked at. `block`: in the block of that height, or below it. `none`: in no block since the tip was
 * at that height. `lost`: the same for so long that what rests on it is written off.
 */
export interface Place {
  readonly at: 'block' | 'none' | 'lost';
  readonly height: Height;
  /** Of what no block has had yet: why it may never come to one, as far as the node could tell. Nothing is delivered on it. */
  readonly doubt?: Doubt;
}

/** `fee`: it pays less than what is mined soon. `parents`: it builds on what is in no block itself. `replaceable`: it says so. `untold`: the node does not say. */
export type Doubt = (typeof DOUBTS)[number];
export const DOUBTS = ['fee', 'parents', 'replaceable', 'untold'] as const;

/** Value delivered that rests on one deposit, and where that is. */
export interface ExposurePart {
  readonly place: Place;
  readonly value: Amount;
}

/** Deposits with their places, one for each. Without: all are so deep that no reorganisation reaches them. */
export interface Placed {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly places?: readonly Place[];
}

export const DEEPLY_CONFIRMED: Place = { at: 'block', height: height(0) };
const NO_PARTS: readonly ExposurePart[] = [];

/** Deposits that something may rest on: the others were in no block for too long. */
export function notWrittenOff({ deposits, places }: Placed): readonly Deposit[] {
  return places === undefined ? deposits : deposits.filter((_, i) => places[i]?.at !== 'lost');
}

/** Of which deposits a total is made. Where a payment is signed for all of its deposits or none, it rests on the one that is worst off. */
export function exposureParts(state: Placed, total: Amount): readonly ExposurePart[] {
  const { terms, deposits, places } = state;
  if (places === undefined || total === 0n) return NO_PARTS;
  if (terms.signing.kind === 'fixed') return [{ place: worstOf(places, deposits, total + terms.signing.fee), value: total }];
  let left = total;
  return deposits.flatMap(({ value }, i) => {
    const part = least(left, value);
    left = subtract(left, part);
    return part === 0n ? [] : [{ place: places[i] ?? DEEPLY_CONFIRMED, value: part }];
  });
}

function worstOf(places: readonly Place[], deposits: readonly Deposit[], taken: bigint): Place {
  const used = places.filter((_, i) => i === 0 || capacityOf(deposits.slice(0, i)) < taken);
  const worst =
    used.find(({ at }) => at === 'lost') ?? used.find(({ doubt }) => doubt !== undefined) ?? used.find(({ at }) => at === 'none');
  return worst ?? used.reduce((youngest, place) => (place.height > youngest.height ? place : youngest), DEEPLY_CONFIRMED);
}

/** What of these parts is written off. */
export function writtenOff(parts: readonly ExposurePart[]): Amount {
  return sumOf(parts.filter(({ place }) => place.at === 'lost'));
}

/** What of these parts rests on deposits that may never be mined, and why. */
export function doubtedSum(parts: readonly ExposurePart[]): { readonly sum: Amount; readonly doubt?: Doubt } {
  const resting = parts.filter(({ place }) => place.doubt !== undefined);
  const doubt = resting[0]?.place.doubt;
  return { sum: sumOf(resting), ...(doubt && { doubt }) };
}

/** What of these parts rests on deposits that are less than so many blocks deep. */
export function restingBelowDepth(parts: readonly ExposurePart[], below: number, tip: Height): Amount {
  return sumOf(parts.filter(({ place }) => place.at === 'none' || (place.at === 'block' && tip - place.height + 1 < below)));
}

function sumOf(parts: readonly ExposurePart[]): Amount {
  return parts.length === 0 ? ZERO : add(...parts.map(({ value }) => value));
}
