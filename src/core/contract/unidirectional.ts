import { amount, ZERO } from '../base/amount.ts';
import { after, isTime, LOCK_TIME_THRESHOLD, type LockKind, type LockTime, lockTime, MAX_LOCK_TIME } from '../base/height.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { SIGHASH } from '../tx/sighash.ts';
import { signer } from '../tx/sign.ts';
import { sendBytes, sendOutputs } from './asset-payments.ts';
import { close, complete, type RefundLocks, refund, type Unlocks } from './close.ts';
import { type Contract, capacityOf, type Terms } from './contract.ts';
import { buildCoopClose, signCoopClose, verifyCoopClose } from './coop-close-tx.ts';
import { type Form, TX_SEQUENCE, TX_VERSION } from './form.ts';
import { draft, lessFee, plan } from './payment-plan.ts';
import { sign, verify } from './payment-signatures.ts';
import { readClose } from './read-close.ts';
import { isReleased, release } from './refund-signature.ts';
import { readTemplate, type ScriptTemplate, writeTemplate } from './script-template.ts';
import type { WrittenTerms } from './script-terms.ts';
import type { Branches } from './spend-branch.ts';
import { refundSize, SIGNATURE_BYTES } from './tx-size.ts';
import { coinsIn } from './units.ts';

/** No relative lock (BIP68), and the side that signs last can raise the fee (BIP125). */
export const REPLACEABLE: Form = {
  version: TX_VERSION,
  dataValue: ZERO,
  sequence: TX_SEQUENCE,
  refundSequence: TX_SEQUENCE,
  fixedHashType: SIGHASH.ALL,
};

/**
 * As in bitcoinj: no side can replace them, and a refund may wait for its time (BIP65). bitcoinj wallets do not see a transaction that can be
 * replaced or has an output below 546 (`DefaultRiskAnalysis`).
 */
export const LASTING: Form = {
  version: 1,
  dataValue: amount(546n),
  sequence: 0xffff_ffff,
  refundSequence: 0xffff_fffe,
  fixedHashType: SIGHASH.ALL,
};

/** The script of deposits, for writing and for reading. */
export interface RedeemScript extends Pick<Contract, 'expiresBy' | 'expiryIn'> {
  readonly write: (terms: WrittenTerms) => Uint8Array;
  /** Accepts exactly what `write` writes. */
  readonly read: (bytes: Uint8Array) => WrittenTerms | Refusal;
  /** With keys and locks of full length. */
  readonly longest: Uint8Array;
}

/** What differs between kinds of one-way channel: the script and how its branches are unlocked. */
export interface UnidirectionalScript extends Pick<Contract, 'id' | 'number' | 'needs' | 'form'> {
  readonly redeem: RedeemScript;
  readonly unlocks: Unlocks;
  readonly output: (redeemScript: Uint8Array) => Uint8Array;
  /** Which branch a scriptSig takes. */
  readonly recogniser: (isOwn: (redeemScript: Uint8Array) => boolean, branches: Branches) => Contract['recognise'];
}

// Keys and heights of full length give the longest possible script.
const LONGEST_KEY = signer(new Uint8Array(32).fill(1)).publicKey;
export const LONGEST_KEYS: Pick<Terms, 'payerKey' | 'payeeKey'> = { payerKey: LONGEST_KEY, payeeKey: LONGEST_KEY };
const LATEST: Readonly<Record<LockKind, LockTime>> = {
  height: lockTime(LOCK_TIME_THRESHOLD - 1),
  time: lockTime(MAX_LOCK_TIME),
};

/** A script of both keys and, if at all, the expiry itself. */
export function templateScript(template: ScriptTemplate, expiresBy: LockKind): RedeemScript {
  return {
    expiresBy,
    expiryIn: template.includes('<expiry>') ? 'script' : 'releases',
    write: (terms) => writeTemplate(template, terms),
    read: (bytes) => readTemplate(template, (expiry) => isTime(expiry) === (expiresBy === 'time'), bytes),
    longest: writeTemplate(template, { ...LONGEST_KEYS, expiry: LATEST[expiresBy] }),
  };
}

/** A contract in which money only moves from payer to payee, by rising totals over one script. */
export function unidirectional({
  id,
  number,
  needs,
  form,
  redeem: { expiresBy, expiryIn, write, read, longest },
  unlocks,
  output,
  recogniser,
}: UnidirectionalScript): Contract {
  const scripts = new WeakMap<WrittenTerms, Uint8Array>();
  const scriptOf = (terms: WrittenTerms): Uint8Array => {
    const known = scripts.get(terms) ?? write(terms);
    scripts.set(terms, known);
    return known;
  };
  const longestSignature = new Uint8Array(SIGNATURE_BYTES);
  const branches = {
    close: unlocks.close(longest, longestSignature, longestSignature),
    refund: unlocks.refund(longest, longestSignature, longestSignature),
  };
  const isReleasing = expiryIn === 'releases';
  return {
    id,
    number,
    needs,
    expiresBy,
    expiryIn,
    form,
    closeUnlockSize: branches.close.length,
    refundUnlockSize: branches.refund.length,
    redeemScript: scriptOf,
    outputScript: (terms) => output(scriptOf(terms)),
    readRedeemScript: read,
    plan,
    paysTo: ({ payeeScript }) => payeeScript,
    draft,
    sign,
    verify,
    close: (closings, payout, fillers) => {
      const isForeign = closings.some(({ terms }) => terms.contract.id !== id);
      return isForeign
        ? refuse('contract-unfit', { reason: 'one of the channels has another contract' })
        : close(unlocks, closings, payout, fillers);
    },
    agree: buildCoopClose,
    signAgreement: signCoopClose,
    verifyAgreement: verifyCoopClose,
    completeAgreement: (terms, agreed, payer, payee) => complete(unlocks, terms, agreed, payer, payee),
    release: isReleasing ? release : () => [],
    isRefundable: isReleasing ? isReleased : () => true,
    refundAt: ({ expiry, ageLock }, mined) => (ageLock === undefined ? expiry : after(mined, ageLock.blocks - 1)),
    refund: (terms: Terms, deposits, payout, key) => {
      if (deposits.length === 0) return refuse('nothing-to-close');
      if (isReleasing && deposits.some((deposit) => deposit.release === undefined)) return refuse('refund-unsigned');
      const size = refundSize(terms, deposits.length, payout.script) + sendBytes(terms);
      const value = lessFee(terms, coinsIn(deposits), size, payout.feeRate);
      const sends = sendOutputs(terms, capacityOf(deposits), deposits[0]?.outpoint.txid);
      return isRefusal(value)
        ? value
        : refund(unlocks, terms, deposits, key, [{ value, script: payout.script }, ...sends], refundLocks(terms));
    },
    recognise: recogniser((bytes) => !isRefusal(read(bytes)), branches),
    readClose: (terms, unlock) => readClose(unlocks, scriptOf(terms), unlock),
  };
}

/** A relative lock stands in the sequence (BIP68). */
function refundLocks({ expiry, ageLock, contract: { form } }: Terms): RefundLocks {
  return ageLock === undefined ? { sequence: form.refundSequence, lockTime: expiry } : { sequence: ageLock.blocks, lockTime: 0 };
}
