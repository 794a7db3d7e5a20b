import { type Amount, amount, feeFor, greatest } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { certain, possible } from '../base/lock-time.ts';
import type { LockedOutput } from '../contract/contract.ts';
import { type Cost, closeUrgency, costOf, type Urgency } from '../contract/fee.ts';
import { reactionBlocks } from '../contract/hash-lock.ts';
import { extraBytes } from '../contract/tx-size.ts';
import { transactionId } from '../tx/transaction.ts';
import { isSpent, isWaiting, viewOf } from './deposit-view.ts';
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
    const size = hashLocks.claimSize + extraBytes(to);
    const close = waitingClose(state, one, view);
    const claim = {
      to,
      size: size + (close?.size ?? 0),
      urgency: urgencyOf(state, one, close, env),
      make: (_: unknown, feeRate: Amount) => {
        const way = { script: to, feeRate: close === undefined ? feeRate : rateWith(close, feeRate, size) };
        return hashLocks.claim(terms, [{ ...one, preimage }], way, env.signer);
      },
    };
    return claimHeld({ terms, deposits: state.deposits, held: [asHeld(one)] }, view, () => claim, env);
  });
}

/** What a close costs that is in no block yet. Its fee is fixed, and the claim has to pay for both. */
function waitingClose({ deposits }: PayeeState, { outpoint }: LockedOutput, view: ChainView): Cost | undefined {
  const spends = deposits.map((deposit) => viewOf(deposit, view)).filter(isWaiting);
  const close = spends.find(({ transaction }) => transactionId(transaction) === outpoint.txid);
  return close && costOf(close.transaction, deposits);
}

/** A close has to be mined by the channel's expiry; once it is, the claim has until the payer's height. */
function urgencyOf({ terms }: PayeeState, { lock: { expiry } }: LockedOutput, close: Cost | undefined, env: Env): Urgency {
  return close === undefined
    ? closeUrgency({ expiry, closingMargin: reactionBlocks(terms.coin) }, possible(expiry, env))
    : closeUrgency(terms, possible(terms.expiry, env));
}

/** The rate of a child of so many bytes by which it and its parent together pay this rate. */
function rateWith({ fee, size }: Cost, feeRate: Amount, child: number): Amount {
  const missing = feeFor(size + child, feeRate) - fee;
  const rate = missing > 0n ? (missing * 1_000n) / BigInt(child) : 0n;
  return greatest(feeRate, amount(rate));
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
