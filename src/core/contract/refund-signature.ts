import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { encodeSignature, type Signature, type Signer, type Verify } from '../tx/sign.ts';
import type { Deposit, Terms } from './contract.ts';

/** Covers one deposit and the lock time only: the payer chooses the fee and the destination of the refund later. */
export const RELEASE: number = SIGHASH.NONE | SIGHASH.ANYONECANPAY;

/** The payee's signatures over the refunds of deposits, in their order. */
export function release(terms: Terms, deposits: readonly Deposit[], signer: Signer): readonly Signature[] {
  return deposits.map((deposit) => signer.sign(digest(terms, deposit)));
}

/** Whether a deposit has the signature that its refund needs. */
export function isReleased(terms: Terms, deposit: Deposit, verify: Verify): boolean {
  return deposit.release !== undefined && verify(deposit.release, digest(terms, deposit), terms.payeeKey);
}

/** A release in the form that a scriptSig has; empty where there is none. */
export function releaseBytes({ release: signature }: Deposit): Uint8Array {
  return signature === undefined ? new Uint8Array() : encodeSignature(signature, RELEASE);
}

function digest(terms: Terms, { outpoint }: Deposit): Uint8Array {
  const { version, refundSequence: sequence } = terms.contract.form;
  const refund = { version, inputs: [{ outpoint, script: new Uint8Array(), sequence }], outputs: [], lockTime: terms.expiry };
  return signatureHash(refund, 0, terms.contract.redeemScript(terms), RELEASE);
}
