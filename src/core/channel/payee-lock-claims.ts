import { equalBytes } from '../base/bytes.ts';
import { certain, possible } from '../base/lock-time.ts';
import type { LockedOutput } from '../contract/contract.ts';
import { closeUrgency } from '../contract/fee.ts';
import { reactionBlocks } from '../contract/hash-lock.ts';
import { extraBytes } from '../contract/tx-size.ts';
import { isSpent } from './deposit-view.ts';
import { claimHeld } from './held-outputs.ts';
import { asHeld, lockedIn, lockedView, withLocked } from './locked-outputs.ts';
import type { PayeeState } from './payee-state.ts';
import type { ChainView, Effect, Env } from './state-machine.ts';

/** The state with what closes hold for who shows a preimage, as the chain is now: those of the best payment, and of older ones that were settled. */
export function withLocks<State extends PayeeState>(state: State, view: ChainView): State {
  const { terms, deposits, best, revealed = [] } = state;
  const known = [...(best?.locks ?? []), ...revealed.map(({ lock }) => lock)];
  return withLocked(state, lockedIn(terms, deposits, view, known));
}

/** Takes what a preimage is known for at once. The nearer the payer's height, the more may be paid for it. */
export function lockClaims(state: PayeeState, view: ChainView, env: Env): readonly Effect[] {
  const { terms, locked = [] } = state;
  const { hashLocks } = terms.contract;
  if (hashLocks === undefined) return [];
  const to = terms.payeeScript;
  return locked.flatMap((one) => {
    const preimage = preimageFor(state, one);
    if (preimage === undefined) return [];
    const { expiry } = one.lock;
    const claim = {
      to,
      size: hashLocks.claimSize + extraBytes(to),
      urgency: closeUrgency({ expiry, closingMargin: reactionBlocks(terms.coin) }, possible(expiry, env)),
      make: (_: unknown, feeRate: typeof env.feeRate) =>
        hashLocks.claim(terms, [{ ...one, preimage }], { script: to, feeRate }, env.signer),
    };
    return claimHeld({ terms, deposits: state.deposits, held: [asHeld(one)] }, view, () => claim, env);
  });
}

function preimageFor({ revealed = [] }: PayeeState, { lock }: LockedOutput): Uint8Array | undefined {
  return revealed.find((one) => equalBytes(one.lock.hash, lock.hash))?.preimage;
}

/** Whether nothing is left to take: what has no preimage is the payer's from its height on. */
export function areLocksSettled(state: PayeeState, view: ChainView, env: Env): boolean {
  const { terms, locked = [] } = state;
  const { buried } = terms.coin.channel;
  return locked.every((one) => {
    const seen = lockedView(one, view);
    if (isSpent(seen) && seen.depth >= buried) return true;
    const isLate = certain(one.lock.expiry, env) >= one.lock.expiry + buried;
    return isLate && (preimageFor(state, one) === undefined || seen.kind === 'missing');
  });
}
