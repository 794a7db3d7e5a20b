import { amount } from '../base/amount.ts';
import { script } from '../tx/script.ts';
import type { Contract } from './contract.ts';
import { type OneWayScript, oneWay, REPLACEABLE } from './one-way.ts';

const bip65: Pick<OneWayScript, 'needs' | 'template' | 'unlocks'> = {
  needs: ['cltv'],
  template: ['IF', '<payee>', 'CHECKSIGVERIFY', 'ELSE', '<expiry>', 'CHECKLOCKTIMEVERIFY', 'DROP', 'ENDIF', '<payer>', 'CHECKSIG'],
  unlocks: {
    close: (redeemScript, payer, payee) => script(payer, payee, 1, redeemScript),
    refund: (redeemScript, payer) => script(payer, 'OP_0', redeemScript),
  },
};

/** The form of BIP65's own payment channel example: 36 bytes shorter than `cltv-multisig`. */
export const cltv: Contract = oneWay({ ...bip65, id: 'cltv', number: 2, expiresBy: 'height', form: REPLACEABLE });

/**
 * The same as bitcoinj's second version has it: until a time, and in transactions that nobody can replace (`PaymentChannelV2ClientState`).
 * A wallet of bitcoinj's does not see a transaction that can be replaced, or has an output below 546 (`DefaultRiskAnalysis`).
 */
export const cltvTime: Contract = oneWay({
  ...bip65,
  id: 'cltv-time',
  number: 3,
  expiresBy: 'time',
  form: { version: 1, dataValue: amount(546n), sequence: 0xffff_ffff, refundSequence: 0xffff_fffe },
});
