import { type Amount, isAmount, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { closingAt, type Payment, type RevocationHash, type Terms } from '../contract/contract.ts';
import { type RevocationSecrets, revocationSecret, shownIndices } from '../contract/revocation-secrets.ts';
import type { Accepted, Pay, RevocationState } from '../message/message.ts';
import { hash160 } from '../tx/script.ts';
import { isActive, type PayeeState } from './payee-state.ts';
import type { Env } from './state-machine.ts';

type Keys = Pick<Env, 'signer'>;

/** The payee's secret number `index`. All secrets of a channel follow from its key. */
export function secretOf({ signer }: Keys, index: number): Uint8Array {
  return revocationSecret(signer.secret('revocation'), index);
}

/** The hash under which payments are made now; undefined where payments can't be taken back. */
export function currentHash({ terms, best, revoked = 0 }: PayeeState, env: Keys): RevocationHash | undefined {
  if (terms.contract.revocation === undefined) return undefined;
  return best?.hash ?? hash160(secretOf(env, revoked));
}

/** The present hash and the one before: a watcher may have closed under that one before its secret went out. */
export function ownHashes(state: PayeeState, env: Keys): readonly RevocationHash[] {
  const current = currentHash(state, env);
  if (current === undefined) return [];
  return state.revoked === undefined ? [current] : [current, hash160(secretOf(env, state.revoked - 1))];
}

/** The hash for the next payment that gives money back. */
export function nextHash({ revoked = 0 }: PayeeState, env: Keys): RevocationHash {
  return hash160(secretOf(env, revoked + 1));
}

/** The present hash, as a part of the acceptance. */
export function firstHash(state: PayeeState, env: Keys): Pick<Accepted, 'hash'> {
  const hash = currentHash(state, env);
  return hash === undefined ? {} : { hash };
}

/** The payment, if it is under the present hash. The payee could not close with a payment under any other. */
export function underCurrentHash(state: PayeeState, { hash, ...payment }: Payment, env: Keys): Payment | Refusal {
  const current = currentHash(state, env);
  if (current === undefined) return payment;
  if (hash !== undefined && equalBytes(hash, current)) return { ...payment, hash: current };
  // The refusal may go to a stranger, so it does not show the best payment: the payer asks for the state.
  return refuse('hash-outdated');
}

/**
 * An active channel of a payee that was set back to an older copy of its store, or to its seed alone. The payer may know the secret of any hash that
 * this copy takes payments under, so nothing is sold on the channel any more.
 */
export function withSetBack(state: PayeeState): PayeeState {
  return isActive(state) && state.terms.contract.revocation !== undefined ? { ...state, setBack: true } : state;
}

/** The state of a payee that was set back, once its payer shows a secret that only this payee can have told it: all up to that one is revoked. */
export function withLastSecret(state: PayeeState, { lastSecret }: Pay, env: Keys): PayeeState {
  const { terms, revoked = 0 } = state;
  if (lastSecret === undefined || terms.contract.revocation === undefined || !isActive(state)) return state;
  const { index, secret } = lastSecret;
  if (index < revoked || !equalBytes(secret, secretOf(env, index))) return state;
  const { best: _, giveBack: __, ...rest } = state;
  return { ...rest, revoked: index + 1, spent: ZERO, setBack: true };
}

/** The total that the payee wants to go down to; undefined when there is nothing to give back, or no close could pay out what would be left. */
export function giveBackTotal({ terms, deposits, best, giveBack }: PayeeState): Amount | undefined {
  if (giveBack === undefined || best === undefined) return undefined;
  const total = best.total - giveBack;
  if (!isAmount(total)) return undefined;
  return total === ZERO || !isRefusal(terms.contract.plan(terms, deposits, total)) ? total : undefined;
}

/** The few secrets from which all those shown so far follow (BOLT 3). */
function shownSecrets(revoked: number, env: Keys): RevocationSecrets {
  return shownIndices(revoked).map((index) => ({ index, secret: secretOf(env, index) }));
}

/** Blocks by which a watcher's node may be ahead of this one. */
const AHEAD = 10;

/** Near the margin nothing is given back: a watcher that sees a block earlier would close with a payment that this side is about to revoke. */
export function isTooLate(terms: Terms, { tip }: Pick<Env, 'tip'>): boolean {
  return tip >= closingAt(terms) - AHEAD;
}

/**
 * Whether the newest secret may still go out. This side may have stopped after it stored the payment for less, and before its watchers had the new
 * closes: a close that they sent since then must not be revoked. All earlier secrets went out in time: each payment for less names a hash that
 * was sent together with the secret before.
 */
export function canStillRevoke(state: PayeeState, env: Pick<Env, 'tip'>): boolean {
  return isActive(state) && !isTooLate(state.terms, env);
}

/** What the payer must know to pay, to get money back, and to take revoked closes. */
export function revocationState(state: PayeeState, env: Pick<Env, 'signer' | 'tip'>): { readonly revocation?: RevocationState } {
  const hash = currentHash(state, env);
  if (hash === undefined) return {};
  const { revoked = 0 } = state;
  const shown = canStillRevoke(state, env) ? revoked : Math.max(0, revoked - 1);
  const total = giveBackTotal(state);
  return {
    revocation: {
      hash,
      ...(shown > 0 && { secrets: shownSecrets(shown, env) }),
      ...(total !== undefined && { giveBack: { total, hash: nextHash(state, env) } }),
    },
  };
}
