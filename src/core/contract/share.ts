import { equalBytes } from '../base/bytes.ts';
import { isRefusal } from '../base/refusal.ts';
import type { Closing, Terms } from './contract.ts';
import { plan } from './plan.ts';
import { closeSize } from './size.ts';

/** Channels that one transaction closes, and the most bytes that it takes. */
export interface Shared<C extends Closing> {
  readonly closings: readonly C[];
  readonly size: number;
}

interface Group<C extends Closing> extends Shared<C> {
  readonly closings: C[];
  size: number;
  readonly terms: Terms;
}

/**
 * Sorts channels into as few closes as they allow. A payer that gets change has signed the index that its change stands at (legacy SINGLE), so a
 * close holds one of those; drained channels go with anything that pays to the same script, up to the most that nodes relay.
 */
export function shared<C extends Closing>(closings: readonly C[]): readonly Shared<C>[] {
  const parts = closings.map((closing) => ({ closing, ...bytesOf(closing) }));
  const groups = parts.filter(({ isLoose }) => !isLoose).map(alone);
  for (const part of parts.filter(({ isLoose }) => isLoose)) {
    const group = groups.find((one) => fits(one, part.closing.terms, part.size));
    if (group === undefined) groups.push(alone(part));
    else {
      group.closings.push(part.closing);
      group.size += part.size;
    }
  }
  return groups;
}

/** Whether nothing of a closing is bound to a place, and the bytes that it adds to a close. */
function bytesOf({ terms, deposits, payment }: Closing): { readonly isLoose: boolean; readonly size: number } {
  const planned = plan(terms, deposits, payment.total);
  if (isRefusal(planned)) return { isLoose: false, size: 0 };
  const change = planned.change > 0n ? 1 : 0;
  return {
    isLoose: planned.inputs.every(({ final }) => final),
    size: closeSize(terms, planned.inputs.length, change) - closeSize(terms, 0, 0),
  };
}

function alone<C extends Closing>({ closing, size }: { readonly closing: C; readonly size: number }): Group<C> {
  const { terms } = closing;
  return { terms, closings: [closing], size: closeSize(terms, 0, 1) + COUNT_BYTES + size };
}

/** Above 252 a count takes two bytes more, of inputs and of outputs. */
const COUNT_BYTES = 4;

function fits({ terms, size }: Group<Closing>, other: Terms, more: number): boolean {
  return (
    terms.contract === other.contract &&
    terms.coin.id === other.coin.id &&
    terms.signing.kind === 'flexible' &&
    equalBytes(terms.payeeScript, other.payeeScript) &&
    size + more <= terms.coin.policy.maxTransactionSize
  );
}
