import { type Amount, add, least, subtract, ZERO } from '../base/amount.ts';
import { type Height, height } from '../base/height.ts';
import { capacityOf, type Deposit, type Terms } from '../contract/contract.ts';
import { closingCharge } from '../contract/units.ts';

/**
 * Where a deposit was when the chain was last looked at.
 * `block`: in a block at that height, or lower.
 * `none`: in no block since the tip was at that height.
 * `lost`: in no block for so long that what rests on it is written off.
 */
export interface Place {
  readonly at: 'block' | 'none' | 'lost';
  readonly height: Height;
  /** For a deposit that no block has held yet: why it may never be mined, as far as the node knows. Nothing is delivered on it. */
  readonly doubt?: Doubt;
}

/**
 * `fee`: it pays less than transactions that are mined soon. `parents`: it spends outputs of unconfirmed transactions. `replaceable`: it signals so.
 * `untold`: the node does not say.
 */
export type Doubt = (typeof DOUBTS)[number];
export const DOUBTS = ['fee', 'parents', 'replaceable', 'untold'] as const;

/** A part of the delivered value: how much rests on one deposit, and where that deposit is. */
export interface ExposurePart {
  readonly place: Place;
  readonly value: Amount;
}

/** Deposits with one place each. Without places, all are so deep that no reorganisation reaches them. */
export interface Placed {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly places?: readonly Place[];
}

export const DEEPLY_CONFIRMED: Place = { at: 'block', height: height(0) };
const NO_PARTS: readonly ExposurePart[] = [];

/** Deposits that value may rest on: the others were in no block for too long. */
export function notWrittenOff({ deposits, places }: Placed): readonly Deposit[] {
  return places === undefined ? deposits : deposits.filter((_, i) => places[i]?.at !== 'lost');
}

/** Which deposits a total rests on. A payment with a fixed fee is valid with all of its deposits only, so it rests on the one in the worst place. */
export function exposureParts(state: Placed, total: Amount): readonly ExposurePart[] {
  const { terms, deposits, places } = state;
  if (places === undefined || total === 0n) return NO_PARTS;
  if (terms.signing.kind === 'fixed') return [{ place: worstOf(places, deposits, total + closingCharge(terms)), value: total }];
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

/** The sum of the parts that are written off. */
export function writtenOff(parts: readonly ExposurePart[]): Amount {
  return sumOf(parts.filter(({ place }) => place.at === 'lost'));
}

/** The sum of the parts on deposits that may never be mined, and why. */
export function doubtedSum(parts: readonly ExposurePart[]): { readonly sum: Amount; readonly doubt?: Doubt } {
  const resting = parts.filter(({ place }) => place.doubt !== undefined);
  const doubt = resting[0]?.place.doubt;
  return { sum: sumOf(resting), ...(doubt && { doubt }) };
}

/** The sum of the parts on deposits that are less than so many blocks deep. */
export function restingBelowDepth(parts: readonly ExposurePart[], below: number, tip: Height): Amount {
  return sumOf(parts.filter(({ place }) => place.at === 'none' || (place.at === 'block' && tip - place.height + 1 < below)));
}

function sumOf(parts: readonly ExposurePart[]): Amount {
  return parts.length === 0 ? ZERO : add(...parts.map(({ value }) => value));
}
