import { ZERO } from '../base/amount.ts';
import { isTime, LOCK_TIME_THRESHOLD, type LockTime, lockTime, MAX_LOCK_TIME } from '../base/height.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { p2sh } from '../tx/script.ts';
import { signer } from '../tx/sign.ts';
import { agree, signAgreement, verifyAgreement } from './agreement.ts';
import { close, complete, refund, type Unlocks } from './close.ts';
import { type Contract, capacityOf, type Form, type ScriptTerms, type Terms, TX_SEQUENCE, TX_VERSION } from './contract.ts';
import { sign, verify } from './payment.ts';
import { draft, lessFee, plan } from './plan.ts';
import { recognise } from './recognise.ts';
import { refundSize, SIGNATURE_BYTES } from './size.ts';
import { readTemplate, type Template, writeTemplate } from './template.ts';

/** No relative lock (BIP68), and whoever signs last can raise the fee (BIP125). */
export const REPLACEABLE: Form = { version: TX_VERSION, dataValue: ZERO, sequence: TX_SEQUENCE, refundSequence: TX_SEQUENCE };

/** What one kind of one-way channel adds to the rest: its script and how the branches are unlocked. */
export interface OneWayScript extends Pick<Contract, 'id' | 'number' | 'needs' | 'expiresBy' | 'form'> {
  readonly template: Template;
  readonly unlocks: Unlocks;
}

// Keys and heights of full length: what they fill is the longest script there is.
const LONGEST_KEY = signer(new Uint8Array(32).fill(1)).publicKey;
const LONGEST = { payerKey: LONGEST_KEY, payeeKey: LONGEST_KEY };
const LATEST: Readonly<Record<Contract['expiresBy'], LockTime>> = {
  height: lockTime(LOCK_TIME_THRESHOLD - 1),
  time: lockTime(MAX_LOCK_TIME),
};

/** A contract in which money only ever moves from payer to payee, by ever better totals over one script. */
export function oneWay({ id, number, needs, expiresBy, form, template, unlocks }: OneWayScript): Contract {
  const scripts = new WeakMap<ScriptTerms, Uint8Array>();
  const scriptOf = (terms: ScriptTerms): Uint8Array => {
    const known = scripts.get(terms) ?? writeTemplate(template, terms);
    scripts.set(terms, known);
    return known;
  };
  const read = (bytes: Uint8Array): ScriptTerms | Refusal =>
    readTemplate(template, (expiry) => isTime(expiry) === (expiresBy === 'time'), bytes);
  const longest = writeTemplate(template, { ...LONGEST, expiry: LATEST[expiresBy] });
  const longestSignature = new Uint8Array(SIGNATURE_BYTES);
  const branches = {
    close: unlocks.close(longest, longestSignature, longestSignature),
    refund: unlocks.refund(longest, longestSignature),
  };
  return {
    id,
    number,
    needs,
    expiresBy,
    form,
    closeUnlockSize: branches.close.length,
    refundUnlockSize: branches.refund.length,
    redeemScript: scriptOf,
    outputScript: (terms) => p2sh(scriptOf(terms)),
    readRedeemScript: read,
    plan,
    draft,
    sign,
    verify,
    close: (closings, payout, fillers) => {
      const isForeign = closings.some(({ terms }) => terms.contract.id !== id);
      return isForeign ? refuse('contract-unfit', { reason: 'a channel of another contract' }) : close(unlocks, closings, payout, fillers);
    },
    agree,
    signAgreement,
    verifyAgreement,
    completeAgreement: (terms, agreed, payer, payee) => complete(unlocks, terms, agreed, payer, payee),
    refund: (terms: Terms, deposits, payout, key) => {
      if (deposits.length === 0) return refuse('nothing-to-close');
      const value = lessFee(terms, capacityOf(deposits), refundSize(terms, deposits.length), payout.feeRate);
      return isRefusal(value) ? value : refund(unlocks, terms, deposits, key, { value, script: payout.script });
    },
    recognise: (unlock) => recognise((bytes) => !isRefusal(read(bytes)), branches, unlock),
  };
}
