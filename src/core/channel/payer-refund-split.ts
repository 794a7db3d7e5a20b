import type { Deposit } from '../contract/contract.ts';
import { MOST_REFUNDED } from '../contract/tx-size.ts';
import { viewOf } from './deposit-view.ts';
import { byValue } from './payer-found-deposits.ts';
import type { ChainView } from './state-machine.ts';

/**
 * Groups deposits by the refund that spends them, the most valuable first: anyone can make thousands, and nodes relay no transaction above a certain
 * size. A deposit in no block is refunded alone, since it may never be mined.
 */
export function splitRefunds(unspent: readonly Deposit[], view: ChainView): readonly (readonly Deposit[])[] {
  const isMined = (deposit: Deposit): boolean => {
    const seen = viewOf(deposit, view);
    return seen.kind === 'unspent' && seen.depth > 0;
  };
  const groups = [unspent.filter(isMined), unspent.filter((deposit) => !isMined(deposit))];
  return groups.flatMap((group) => inParts(byValue(group)));
}

function inParts(deposits: readonly Deposit[]): readonly (readonly Deposit[])[] {
  const count = Math.ceil(deposits.length / MOST_REFUNDED);
  return Array.from({ length: count }, (_, i) => deposits.slice(i * MOST_REFUNDED, (i + 1) * MOST_REFUNDED));
}
