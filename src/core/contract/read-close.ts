import { equalBytes } from '../base/bytes.ts';
import { operationAt } from '../tx/script.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { decodeSignature, encodeSignature, type TypedSignature, type Verify } from '../tx/sign.ts';
import type { Transaction } from '../tx/transaction.ts';
import type { Unlocks } from './close.ts';
import type { Terms } from './contract.ts';
import type { CloseSignatures } from './form.ts';

/** Decodes the signatures, then writes the whole scriptSig again and compares, so nothing else can be in it. */
export function readClose({ close }: Unlocks, redeemScript: Uint8Array, unlock: Uint8Array): CloseSignatures | undefined {
  const [payer, payee, ...others] = signaturesIn(unlock);
  if (payer === undefined || payee === undefined || others.length > 0) return undefined;
  return equalBytes(close(redeemScript, written(payer), written(payee)), unlock) ? { payer, payee } : undefined;
}

function signaturesIn(unlock: Uint8Array): readonly TypedSignature[] {
  const found: TypedSignature[] = [];
  for (let op = operationAt(unlock, 0); op !== undefined; op = operationAt(unlock, op.end)) {
    const decoded = decodeSignature(op.data ?? new Uint8Array());
    if (typeof decoded !== 'string') found.push(decoded);
  }
  return found;
}

function written({ signature, hashType }: TypedSignature): Uint8Array {
  return encodeSignature(signature, hashType);
}

/**
 * Whether an input spends a deposit with both sides' signatures in the form that nodes relay: the payer's with its usual hash type, the payee's with
 * ALL.
 * Does not check that the outpoint is a deposit.
 */
export function isSignedByBoth(terms: Terms, transaction: Transaction, index: number, payerHashType: number, verify: Verify): boolean {
  const both = terms.contract.readClose(terms, transaction.inputs[index]?.script ?? new Uint8Array());
  if (both === undefined || both.payer.hashType !== payerHashType || both.payee.hashType !== SIGHASH.ALL) return false;
  const code = terms.contract.redeemScript(terms);
  const digest = (hashType: number): Uint8Array => signatureHash(transaction, index, code, hashType);
  return (
    verify(both.payee.signature, digest(SIGHASH.ALL), terms.payeeKey) && verify(both.payer.signature, digest(payerHashType), terms.payerKey)
  );
}
