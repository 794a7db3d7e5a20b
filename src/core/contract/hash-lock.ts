import { isAmount } from '../base/amount.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { type Height, height, isTime, LOCK_TIME_THRESHOLD } from '../base/height.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { Coin } from '../coin/coin.ts';
import { p2sh, readScript } from '../tx/script.ts';
import { type Transaction, transactionId } from '../tx/transaction.ts';
import type { HashLocks, LockedOutput, Terms } from './contract.ts';
import type { HashLock } from './pending.ts';
import { LATE_BYTES, SECRET_BYTES, secretOrHeight, take } from './secret-or-height.ts';

/** The most locks of one payment: its close stays small enough for the fixed fee. */
export const MOST_LOCKS = 8;
export const PREIMAGE_BYTES = 32;

/** Blocks in which one side gets a transaction mined in any case: as many as a merchant has for its close. */
export function reactionBlocks({ channel: { span } }: Coin): number {
  return span.height.closingMargin;
}

/**
 * By how many blocks a hop's lock is later than the next hop's: whoever forwards may see the claim there late, waits until it is buried, and still
 * gets its own claim mined.
 */
export function hopBlocks(coin: Coin): number {
  return 2 * reactionBlocks(coin) + coin.channel.buried;
}

/** The close is mined by the expiry at the latest; the claim after it is in time even if a reorganisation undoes the close. */
function leastExpiry({ coin, expiry }: Pick<Terms, 'coin' | 'expiry'>): Height {
  return height(Math.min(expiry + reactionBlocks(coin) + coin.channel.buried, LOCK_TIME_THRESHOLD - 1));
}

/** Who can take a pending amount: the payee with the preimage, the payer from the lock's height on. */
function lockScript({ payeeKey, payerKey }: Terms, { hash, expiry }: HashLock): Uint8Array {
  return secretOrHeight({ hash, withSecret: payeeKey, from: expiry, late: payerKey });
}

function lockOutput(terms: Terms, lock: HashLock): Uint8Array {
  return p2sh(lockScript(terms, lock));
}

function refused(terms: Terms, locks: readonly HashLock[]): Refusal | undefined {
  const { signing, expiry } = terms;
  if (locks.length === 0) return undefined;
  if (signing.kind !== 'fixed' || isTime(expiry)) {
    return refuse('contract-unfit', { reason: 'pending amounts need a closing fee that is fixed, and an expiry by height' });
  }
  if (locks.length > MOST_LOCKS) return refuse('lock-too-many', { most: MOST_LOCKS });
  if (new Set(locks.map(({ hash }) => bytesToHex(hash))).size < locks.length) return refuse('lock-repeated');
  const least = leastExpiry(terms);
  const near = locks.find((one) => one.expiry < least);
  return near && refuse('lock-too-near', { expiry: near.expiry, least });
}

function outputs(terms: Terms, transaction: Transaction, locks: readonly HashLock[]): readonly LockedOutput[] {
  const txid = transactionId(transaction);
  return transaction.outputs.flatMap(({ value, script: paidTo }, vout) => {
    const lock = locks.find((one) => one.amount === value && equalBytes(lockOutput(terms, one), paidTo));
    return lock === undefined || !isAmount(value) ? [] : [{ outpoint: { txid, vout }, value, lock }];
  });
}

/** A claim's scriptSig ends with signature, preimage, selector and script; in a block of its own a payee may have anything below them. */
function preimageIn(unlock: Uint8Array): Uint8Array | undefined {
  const preimage = (readScript(unlock) ?? []).at(-3);
  return preimage instanceof Uint8Array && preimage.length === PREIMAGE_BYTES ? preimage : undefined;
}

/** For contracts that expire by height; the payer has to sign whole transactions with a fixed fee. */
export const hashLocks: HashLocks = {
  refuse: refused,
  leastExpiry,
  outputScript: lockOutput,
  script: lockScript,
  outputs,
  claim: (terms, locked, to, signer) => {
    const taken = locked.map((output) => ({ output, code: lockScript(terms, output.lock), secret: output.preimage }));
    return take(terms, taken, 0, to, signer);
  },
  takeBack: (terms, locked, to, signer) => {
    const taken = locked.map((output) => ({ output, code: lockScript(terms, output.lock) }));
    return take(terms, taken, Math.max(...locked.map(({ lock }) => lock.expiry)), to, signer);
  },
  preimageIn,
  claimSize: SECRET_BYTES,
  takeBackSize: LATE_BYTES,
};
