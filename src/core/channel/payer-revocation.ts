import { bytesToHex, equalBytes } from '../base/bytes.ts';
import type { Height } from '../base/height.ts';
import { type ChainTime, possible } from '../base/lock-time.ts';
import type { HeldOutput, RevocationHash, Terms } from '../contract/contract.ts';
import { closeUrgency, LAST_SHARE } from '../contract/fee.ts';
import { heldRevocationSecret, type RevocationSecrets, withRevocationSecret } from '../contract/revocation-secrets.ts';
import { extraBytes } from '../contract/tx-size.ts';
import { hash160 } from '../tx/script.ts';
import type { Signer } from '../tx/sign.ts';
import { isSpent, viewOf } from './deposit-view.ts';
import { type Claim, type ClaimEnv, claimHeld, type Holding, heldIn, withHeld } from './held-outputs.ts';
import { allDeposits, type PayerRevocation, type PayerState } from './payer-state.ts';
import type { ChainView, Effect } from './state-machine.ts';

/** The key that takes held outputs of revoked closes, and nothing else. It is derived from the channel's key, and does not reveal it. */
export function penaltySigner(channelKey: Signer): Signer {
  return channelKey.derived(PENALTY);
}

/** The private key of the penalty key, 32 bytes: for a watcher that has nothing else. */
export function penaltySecret(channelKey: Signer): Uint8Array {
  return channelKey.secret(PENALTY);
}

const PENALTY = 'penalty';

/** The revocation state with this secret, if it is that of the present hash and those before follow from it. */
export function revokedBy(known: PayerRevocation, secret: Uint8Array): PayerRevocation | undefined {
  const { hash, index, secrets, next } = known;
  if (next === undefined || !equalBytes(hash160(secret), hash)) return undefined;
  const all = withRevocationSecret(secrets, index, secret);
  return all && { hash: next.hash, index: index + 1, secrets: all };
}

/** Whether `later` continues this chain: it has the secrets up to the present hash, and a next hash that was signed under is in its place. */
export function hasRevoked({ hash, index, secrets, next }: PayerRevocation, later: PayerRevocation): boolean {
  const secretAt = (at: number): Uint8Array => heldRevocationSecret(later.secrets, at) ?? new Uint8Array();
  const hashAt = (at: number): Uint8Array => (at === later.index ? later.hash : hash160(secretAt(at)));
  if (index >= later.index || !equalBytes(hashAt(index), hash)) return false;
  if (next !== undefined && !equalBytes(hashAt(index + 1), next.hash)) return false;
  return secrets.every((one) => equalBytes(secretAt(one.index), one.secret));
}

/** All hashes whose secrets were shown, and the number of each by its hex. */
interface Revoked {
  readonly hashes: readonly RevocationHash[];
  readonly numbers: ReadonlyMap<string, number>;
}

const revokedOf = new WeakMap<RevocationSecrets, Revoked>();

/** Computed once, and only after a deposit was spent: the time grows with the number of secrets. */
function revokedHashes({ secrets, index }: Pick<PayerRevocation, 'secrets' | 'index'>): Revoked {
  const known = revokedOf.get(secrets);
  if (known !== undefined) return known;
  const hashes = Array.from({ length: index }, (_, i) => hash160(heldRevocationSecret(secrets, i) ?? new Uint8Array()));
  const made = { hashes, numbers: new Map(hashes.map((hash, i) => [bytesToHex(hash), i])) };
  revokedOf.set(secrets, made);
  return made;
}

/** All that it takes to punish revoked closes, besides the penalty key. */
export interface Punisher extends Holding {
  readonly revocation?: Pick<PayerRevocation, 'secrets' | 'index'>;
  readonly returnScript: Uint8Array;
}

/** What revoked closes of these deposits hold, as the chain is now. */
export function revokedIn({ revocation, terms, deposits }: Punisher, view: ChainView): readonly HeldOutput[] {
  const isUntouched = !deposits.some((deposit) => isSpent(viewOf(deposit, view)));
  if (revocation === undefined || revocation.index === 0 || isUntouched) return [];
  return heldIn(terms, deposits, view, revokedHashes(revocation).hashes);
}

/** The state with the held outputs of revoked closes, as the chain is now. */
export function withRevoked(state: PayerState, view: ChainView): PayerState {
  return withHeld(state, revokedIn({ ...state, deposits: allDeposits(state) }, view));
}

/**
 * Takes the held output of a revoked close before the payee can. The nearer the payout, the higher the fee may be: whatever is left is gain. `key`:
 * the penalty key.
 */
export function penalties(punisher: Punisher, view: ChainView, env: ClaimEnv, key: Signer): readonly Effect[] {
  const { terms, revocation: known, returnScript: to } = punisher;
  const { revocation } = terms.contract;
  if (known === undefined || revocation === undefined) return [];
  const claimOf = (mined: Height): Claim => ({
    to,
    size: revocation.penaltySize + extraBytes(to),
    urgency: { factor: penaltyFactor(terms, mined, env), share: LAST_SHARE },
    make: (one, feeRate) => revocation.penalty(terms, [{ ...one, secret: secretOf(known, one.hash) }], { script: to, feeRate }, key),
  });
  return claimHeld(punisher, view, claimOf, env);
}

/** How many times the usual rate a penalty may pay, for a close that was mined at this height: it rises in quarters of the time until the payout. */
export function penaltyFactor(terms: Terms, mined: Height, at: ChainTime): bigint {
  const lock = terms.contract.revocation?.payoutAt(terms, mined) ?? terms.expiry;
  return closeUrgency({ expiry: lock, closingMargin: terms.revocation?.payoutDelay ?? 0 }, possible(lock, at)).factor;
}

function secretOf(known: Pick<PayerRevocation, 'secrets' | 'index'>, hash: RevocationHash): Uint8Array {
  const number = revokedHashes(known).numbers.get(bytesToHex(hash));
  const secret = number === undefined ? undefined : heldRevocationSecret(known.secrets, number);
  if (secret === undefined) throw new Error('only outputs of revoked closes are held');
  return secret;
}
