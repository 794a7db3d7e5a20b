import type { Height } from '../base/height.ts';
import { certain } from '../base/lock-time.ts';
import { refundUrgency } from '../contract/fee.ts';
import { extraBytes } from '../contract/tx-size.ts';
import { type Claim, claimHeld, heldIn, withHeld } from './held-outputs.ts';
import { ownHashes } from './payee-revocation.ts';
import type { PayeeState } from './payee-state.ts';
import type { ChainView, Effect, Env } from './state-machine.ts';

/** The state with the outputs that closes hold for the payee, as the chain is now: closes of the best payment or of the one before it. */
export function withPayouts<State extends PayeeState>(state: State, view: ChainView, env: Env): State {
  return withHeld(state, heldIn(state.terms, state.deposits, view, ownHashes(state, env)));
}

/** Takes held outputs as soon as the payout is valid. Without the secret nobody else can take them. */
export function payouts(state: PayeeState, view: ChainView, env: Env): readonly Effect[] {
  const { terms } = state;
  const { revocation } = terms.contract;
  if (revocation === undefined || (state.held ?? []).length === 0) return [];
  const to = terms.payeeScript;
  const claimOf = (mined: Height): Claim | undefined => {
    const lock = revocation.payoutAt(terms, mined);
    const reached = certain(lock, env);
    return reached < lock
      ? undefined
      : {
          to,
          size: revocation.payoutSize + extraBytes(to),
          urgency: refundUrgency({ expiry: lock, closingMargin: terms.closingMargin }, reached),
          make: (one, feeRate) => revocation.payout(terms, [one], { script: to, feeRate }, env.signer),
        };
  };
  return claimHeld(state, view, claimOf, env);
}
