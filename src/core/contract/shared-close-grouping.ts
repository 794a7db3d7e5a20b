import { equalBytes } from '../base/bytes.ts';
import { isRefusal } from '../base/refusal.ts';
import type { Closing, Terms } from './contract.ts';
import { plan } from './payment-plan.ts';
import { closeSize } from './tx-size.ts';

/** Channels that one transaction closes, and the most bytes that it can have. */
export interface SharedClose<C extends Closing> {
  readonly closings: readonly C[];
  readonly size: number;
}

interface Group<C extends Closing> extends SharedClose<C> {
  readonly terms: Terms;
  readonly closings: C[];
  size: number;
}

/**
 * The most channels that share a close. With so many, seven eighths of the possible saving is reached. And with few channels, a child can still pay
 * for the transaction, or the close of any one of them can replace it (BIP125 rule 3), at any fee that a close alone may have to pay.
 */
export const MAX_CHANNELS_PER_CLOSE = 8;

/**
 * Groups channels into few closes. Only drained channels that pay to the same script go together: their payers have signed no position in the
 * transaction and get no change from it, so none of them can delay the others by spending its change.
 */
export function groupForSharedClose<C extends Closing>(closings: readonly C[]): readonly SharedClose<C>[] {
  const drained = new Set(closings.filter(isDrained));
  const groups: Group<C>[] = [];
  for (const closing of drained) {
    const { terms, deposits } = closing;
    const more = closeSize(terms, deposits.length, 0) - closeSize(terms, 0, 0);
    const group = groups.find((one) => hasRoomFor(one, terms));
    if (group === undefined) groups.push(alone(closing));
    else {
      group.closings.push(closing);
      group.size += more;
    }
  }
  return [...groups, ...closings.filter((closing) => !drained.has(closing)).map(alone)];
}

function isDrained({ terms, deposits, payment }: Closing): boolean {
  const planned = plan(terms, deposits, payment.total);
  return !isRefusal(planned) && planned.inputs.length === deposits.length && planned.inputs.every(({ final }) => final);
}

function alone<C extends Closing>(closing: C): Group<C> {
  const { terms, deposits } = closing;
  return { terms, closings: [closing], size: closeSize(terms, deposits.length, 2) };
}

function hasRoomFor({ terms, closings }: Group<Closing>, other: Terms): boolean {
  return (
    closings.length < MAX_CHANNELS_PER_CLOSE &&
    terms.contract === other.contract &&
    terms.coin.id === other.coin.id &&
    equalBytes(terms.payeeScript, other.payeeScript)
  );
}
