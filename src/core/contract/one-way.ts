import { height, LOCK_TIME_THRESHOLD } from '../base/height.ts';
import { isRefusal, refuse } from '../base/refusal.ts';
import { signer } from '../tx/sign.ts';
import { agree, signAgreement, verifyAgreement } from './agreement.ts';
import { close, complete, refund, type Unlocks } from './close.ts';
import { type Contract, capacityOf, type ScriptTerms, type Terms } from './contract.ts';
import { sign, verify } from './payment.ts';
import { draft, lessFee, plan } from './plan.ts';
import { recognise } from './recognise.ts';
import { refundSize, SIGNATURE_BYTES } from './size.ts';
import { readTemplate, type Template, writeTemplate } from './template.ts';

/** What one kind of one-way channel adds to the rest: its script and how the branches are unlocked. */
export interface OneWayScript extends Pick<Contract, 'id' | 'number' | 'needs'> {
  readonly template: Template;
  readonly unlocks: Unlocks;
}

// Keys and heights of full length: what they fill is the longest script there is.
const LONGEST_KEY = signer(new Uint8Array(32).fill(1)).publicKey;
const LONGEST: ScriptTerms = { payerKey: LONGEST_KEY, payeeKey: LONGEST_KEY, expiry: height(LOCK_TIME_THRESHOLD - 1) };

/** A contract in which money only ever moves from payer to payee, by ever better totals over one script. */
export function oneWay({ id, number, needs, template, unlocks }: OneWayScript): Contract {
  const scripts = new WeakMap<ScriptTerms, Uint8Array>();
  const scriptOf = (terms: ScriptTerms): Uint8Array => {
    const known = scripts.get(terms) ?? writeTemplate(template, terms);
    scripts.set(terms, known);
    return known;
  };
  const longest = writeTemplate(template, LONGEST);
  const longestSignature = new Uint8Array(SIGNATURE_BYTES);
  const branches = {
    close: unlocks.close(longest, longestSignature, longestSignature),
    refund: unlocks.refund(longest, longestSignature),
  };
  return {
    id,
    number,
    needs,
    closeUnlockSize: branches.close.length,
    refundUnlockSize: branches.refund.length,
    redeemScript: scriptOf,
    readRedeemScript: (bytes) => readTemplate(template, bytes),
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
    recognise: (unlock) => recognise(template, branches, unlock),
  };
}
