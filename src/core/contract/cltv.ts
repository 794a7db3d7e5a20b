import { script } from '../tx/script.ts';
import type { Contract } from './contract.ts';
import { oneWay, REPLACEABLE } from './one-way.ts';

/** The form of BIP65's own payment channel example: 36 bytes shorter than `cltv-multisig`. */
export const cltv: Contract = oneWay({
  id: 'cltv',
  number: 2,
  needs: ['cltv'],
  expiresBy: 'height',
  form: REPLACEABLE,
  template: ['IF', '<payee>', 'CHECKSIGVERIFY', 'ELSE', '<expiry>', 'CHECKLOCKTIMEVERIFY', 'DROP', 'ENDIF', '<payer>', 'CHECKSIG'],
  unlocks: {
    close: (redeemScript, payer, payee) => script(payer, payee, 1, redeemScript),
    refund: (redeemScript, payer) => script(payer, 'OP_0', redeemScript),
  },
});
