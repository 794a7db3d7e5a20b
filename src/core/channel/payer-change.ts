import { sameOutpoint } from '../tx/transaction.ts';
import { isSpent, viewOf } from './deposit-view.ts';
import { areSameOutputs, heldIn } from './held-outputs.ts';
import { allDeposits, type PayerState } from './payer-state.ts';
import type { ChainView } from './state-machine.ts';

/** The state with what closes hold for the payee, as the chain is now, where its payout shows a secret that opens the other deposits. */
export function withUnrevoked(state: PayerState, view: ChainView): PayerState {
  const { terms, revocation, unrevoked: before = [], ...rest } = state;
  if (terms.contract.change === undefined || revocation === undefined) return state;
  const hashes = [revocation.hash, ...(revocation.next ? [revocation.next.hash] : [])];
  const unrevoked = heldIn(terms, allDeposits(state), view, hashes);
  if (areSameOutputs(before, unrevoked)) return state;
  return { ...rest, terms, revocation, ...(unrevoked.length > 0 && { unrevoked }) };
}

/**
 * The payee's spend secret, while a payout that shows it stands. Where a reorganisation undoes close and payout, the deposits are no rest: so the secret
 * is looked up each time and never stored.
 */
export function shownSecret({ terms, unrevoked = [] }: PayerState, view: ChainView): Uint8Array | undefined {
  for (const held of unrevoked) {
    const seen = viewOf(held, view);
    const input = isSpent(seen) ? seen.transaction.inputs.find(({ outpoint }) => sameOutpoint(outpoint, held.outpoint)) : undefined;
    const secret = input && terms.contract.change?.secretIn(terms, held, input.script);
    if (secret !== undefined) return secret;
  }
  return undefined;
}
