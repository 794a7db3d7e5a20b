import { LOCK_TIME_THRESHOLD } from '../../core/base/height.ts';
import { SIGHASH, signatureHash } from '../../core/tx/sighash.ts';
import { isStrictDer, type Verify, verifyPortable } from '../../core/tx/sign.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { hasHighS, readLaxSignature, readPublicKey } from './lax-signature.ts';
import { ScriptFailure } from './script-error.ts';
import { FLAG } from './script-flags.ts';

/** What a script can check about its transaction. Sequence and lock numbers are script numbers of up to five bytes. */
export interface Checker {
  readonly signature: (signature: Uint8Array, publicKey: Uint8Array, scriptCode: Uint8Array) => boolean;
  readonly lockTime: (lock: number) => boolean;
  readonly sequence: (lock: number) => boolean;
}

/** For scripts that run outside a transaction: nothing verifies (`BaseSignatureChecker`). */
export const noTransaction: Checker = { signature: () => false, lockTime: () => false, sequence: () => false };

const SEQUENCE_FINAL = 0xffff_ffff;
export const SEQUENCE_DISABLE_FLAG = 0x8000_0000;
export const SEQUENCE_TYPE_FLAG = 0x40_0000;
export const SEQUENCE_MASK = 0xffff;

/** The checker for input `index` of `tx` (`TransactionSignatureChecker`). */
export function checkerFor(tx: Transaction, index: number, verify: Verify = verifyPortable): Checker {
  const sequence = tx.inputs[index]?.sequence ?? SEQUENCE_FINAL;
  return {
    signature: (bytes, keyBytes, scriptCode) => {
      const hashType = bytes.at(-1);
      const key = readPublicKey(keyBytes);
      if (hashType === undefined || key === undefined) return false;
      const sig = readLaxSignature(bytes.subarray(0, -1));
      return sig !== undefined && verify(sig, signatureHash(tx, index, scriptCode, hashType), key);
    },
    lockTime: (lock) =>
      lock < LOCK_TIME_THRESHOLD === tx.lockTime < LOCK_TIME_THRESHOLD && lock <= tx.lockTime && sequence !== SEQUENCE_FINAL,
    sequence: (lock) => satisfiesSequence(tx.version, sequence, lock),
  };
}

/** BIP112: same kind of lock, at least as long, in a version 2 transaction whose input has not opted out. */
function satisfiesSequence(version: number, sequence: number, lock: number): boolean {
  if (version >>> 0 < 2 || sequence >= SEQUENCE_DISABLE_FLAG) return false;
  const has = sequence & (SEQUENCE_TYPE_FLAG | SEQUENCE_MASK);
  const needs = Number(BigInt(lock) & BigInt(SEQUENCE_TYPE_FLAG | SEQUENCE_MASK));
  return has < SEQUENCE_TYPE_FLAG === needs < SEQUENCE_TYPE_FLAG && needs <= has;
}

/** @throws ScriptFailure when the flags require a stricter form than the signature has (`CheckSignatureEncoding`). */
export function assertSignatureEncoding(signature: Uint8Array, flags: number): void {
  const hashType = signature.at(-1);
  if (hashType === undefined) return;
  if ((flags & (FLAG.DERSIG | FLAG.LOW_S | FLAG.STRICTENC)) !== 0 && !isStrictDer(signature)) throw new ScriptFailure('SIG_DER');
  if ((flags & FLAG.LOW_S) !== 0 && hasHighS(signature)) throw new ScriptFailure('SIG_HIGH_S');
  const base = hashType & ~SIGHASH.ANYONECANPAY;
  if ((flags & FLAG.STRICTENC) !== 0 && (base < SIGHASH.ALL || base > SIGHASH.SINGLE)) throw new ScriptFailure('SIG_HASHTYPE');
}

/** @throws ScriptFailure PUBKEYTYPE when the flags have STRICTENC and the key is neither compressed nor uncompressed. */
export function assertPublicKeyEncoding(publicKey: Uint8Array, flags: number): void {
  if ((flags & FLAG.STRICTENC) === 0) return;
  const [prefix] = publicKey;
  const isCompressed = publicKey.length === 33 && (prefix === 0x02 || prefix === 0x03);
  const isUncompressed = publicKey.length === 65 && prefix === 0x04;
  if (!isCompressed && !isUncompressed) throw new ScriptFailure('PUBKEYTYPE');
}
