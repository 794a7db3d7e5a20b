import type { LockTime } from '../base/height.ts';
import { hash160 } from '../tx/script.ts';
import type { Signer } from '../tx/sign.ts';
import type { Contract } from './contract.ts';
import type { AgeLock, WrittenTerms } from './script-terms.ts';

/** The most blocks that a relative lock waits (BIP68, SEQUENCE_LOCKTIME_MASK). */
export const MAX_BLOCKS = 0xffff;

/** BIP68 reads only the low 16 bits, so a larger lock would not mean what it says. A lock of 0 blocks leaves no time to answer. */
export function isBlocks(lock: number): boolean {
  return Number.isInteger(lock) && lock >= 1 && lock <= MAX_BLOCKS;
}

/** What an offer says of the ages at which deposits open. */
interface Aged {
  readonly contract: Pick<Contract, 'expiryIn'>;
  readonly refundAge?: number;
  readonly spendHash?: Uint8Array;
  readonly minExpiry: LockTime;
  readonly maxExpiry: LockTime;
}

/** Whether a script can have every age that an offer allows, where its contract locks deposits by that; and that it names none elsewhere. */
export function isAgeFit({ contract, refundAge, spendHash, minExpiry, maxExpiry }: Aged): boolean {
  if (contract.expiryIn !== 'age') return refundAge === undefined && spendHash === undefined;
  return spendHash !== undefined && refundAge !== undefined && isBlocks(refundAge) && isBlocks(refundAge + maxExpiry - minExpiry);
}

/** @throws Error for terms of a contract that locks by height or time. */
export function ageLockOf({ ageLock }: WrittenTerms): AgeLock {
  if (ageLock === undefined) throw new Error('terms of this contract say at which age a deposit opens');
  return ageLock;
}

/** The payee's secret in every payout of a channel; it opens the channel's deposits to the payer. */
export function spendSecret(payee: Signer): Uint8Array {
  return payee.secret('spend');
}

/** What the payee's offer names of that secret. */
export function spendHashOf(payee: Signer): Uint8Array {
  return hash160(spendSecret(payee));
}
