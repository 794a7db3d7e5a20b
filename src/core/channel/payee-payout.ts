import { certain } from '../base/lock-time.ts';
import { refundUrgency } from '../contract/fee.ts';
import { extraBytes } from '../contract/tx-size.ts';
import { type Claim, claimHeld, heldIn, withHeld } from './held-outputs.ts';
import { ownHashes } from './payee-revocation.ts';
import type { PayeeState } from './payee-state.ts';
import type { ChainView, Effect, Env } from './state-machine.ts';

/** The state with what closes of the best payment, or of the one before it, hold for the payee as the chain is now. */
export function withPayouts<State extends PayeeState>(state: State, view: ChainView, env: Env): State {
  return withHeld(state, heldIn(state.terms, state.deposits, view, ownHashes(state, env)));
}

/** Takes what closes held, as soon as that can be had. Nobody can take it any more whom no secret was shown to. */
export function payouts(state: PayeeState, view: ChainView, env: Env): readonly Effect[] {
  const { terms } = state;
  const { revocation } = terms.contract;
  if (revocation === undefined || (state.held ?? []).length === 0) return [];
  const lock = revocation.payoutAt(terms);
  const reached = certain(lock, env);
  if (reached < lock) return [];
  const to = terms.payeeScript;
  const claim: Claim = {
    to,
    size: revocation.payoutSize + extraBytes(to),
    urgency: refundUrgency({ expiry: lock, closingMargin: terms.closingMargin }, reached),
    make: (one, feeRate) => revocation.payout(terms, [one], { script: to, feeRate }, env.signer),
  };
  return claimHeld(state, view, claim, env);
}
