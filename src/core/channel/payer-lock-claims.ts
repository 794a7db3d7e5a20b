import { certain } from '../base/lock-time.ts';
import { refundUrgency } from '../contract/fee.ts';
import { reactionBlocks } from '../contract/hash-lock.ts';
import { lockUnder } from '../contract/pending.ts';
import { extraBytes } from '../contract/tx-size.ts';
import { sameOutpoint } from '../tx/transaction.ts';
import { isSpent } from './deposit-view.ts';
import { claimHeld } from './held-outputs.ts';
import { asHeld, lockedIn, lockedView, withLocked } from './locked-outputs.ts';
import { withPreimages } from './payer-locks.ts';
import { allDeposits, type PayerState } from './payer-state.ts';
import type { ChainView, Effect, Env } from './state-machine.ts';

/** The state with what closes hold of pending amounts, and with the preimages by which the payee has claimed some. */
export function withLockedSeen(state: PayerState, view: ChainView): PayerState {
  const { terms, locks: sent = [] } = state;
  const { hashLocks } = terms.contract;
  if (hashLocks === undefined || sent.length === 0) return state;
  const known = sent.map(({ lock }) => lock);
  const seen = withLocked(state, lockedIn(terms, allDeposits(state), view, known));
  const shown = (seen.locked ?? []).flatMap((one) => {
    const at = lockedView(one, view);
    const input = isSpent(at) ? at.transaction.inputs.find(({ outpoint }) => sameOutpoint(outpoint, one.outpoint)) : undefined;
    return (input && hashLocks.preimageIn(input.script)) ?? [];
  });
  return withPreimages(seen, shown);
}

/** Takes back, from its height on, what no preimage was shown for. */
export function takeBacks(state: PayerState, view: ChainView, env: Env): readonly Effect[] {
  const { terms, locked = [], locks: sent = [], returnScript: to } = state;
  const { hashLocks } = terms.contract;
  if (hashLocks === undefined) return [];
  const revealed = sent.filter(({ preimage }) => preimage !== undefined).map(({ lock }) => lock);
  return locked.flatMap((one) => {
    const { expiry } = one.lock;
    const reached = certain(expiry, env);
    if (reached < expiry || lockUnder(one.lock.hash, revealed)) return [];
    const claim = {
      to,
      size: hashLocks.takeBackSize + extraBytes(to),
      urgency: refundUrgency({ expiry, closingMargin: reactionBlocks(terms.coin) }, reached),
      make: (_: unknown, feeRate: typeof env.feeRate) => hashLocks.takeBack(terms, [one], { script: to, feeRate }, env.signer),
    };
    return claimHeld({ terms, deposits: state.deposits, held: [asHeld(one)] }, view, () => claim, env);
  });
}

/** Whether nothing will change what has become of what closes held. One that was taken unseen is given up when a take-back would be buried. */
export function areTakenBack({ terms, locked = [] }: PayerState, view: ChainView, env: Env): boolean {
  const { buried } = terms.coin.channel;
  return locked.every((one) => {
    const seen = lockedView(one, view);
    if (isSpent(seen)) return seen.depth >= buried;
    return seen.kind !== 'unspent' && certain(one.lock.expiry, env) >= one.lock.expiry + buried;
  });
}
