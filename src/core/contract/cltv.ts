import { p2sh, script } from '../tx/script.ts';
import type { Contract } from './contract.ts';
import { hashLocks } from './hash-lock.ts';
import { bySelector } from './spend-branch.ts';
import { LASTING, REPLACEABLE, type UnidirectionalScript, unidirectional } from './unidirectional.ts';

/** Of BIP65's own payment channel example. */
export const bip65: Omit<UnidirectionalScript, 'id' | 'number' | 'expiresBy' | 'form'> = {
  output: p2sh,
  recogniser: bySelector,
  needs: ['cltv'],
  template: ['IF', '<payee>', 'CHECKSIGVERIFY', 'ELSE', '<expiry>', 'CHECKLOCKTIMEVERIFY', 'DROP', 'ENDIF', '<payer>', 'CHECKSIG'],
  unlocks: {
    close: (redeemScript, payer, payee) => script(payer, payee, 1, redeemScript),
    refund: (redeemScript, payer) => script(payer, 'OP_0', redeemScript),
  },
};

/** The form in BIP65's own payment channel example: 36 bytes shorter than `cltv-multisig`. */
export const cltv: Contract = {
  ...unidirectional({ ...bip65, id: 'cltv', number: 2, expiresBy: 'height', form: REPLACEABLE }),
  hashLocks,
};

/** The same as in bitcoinj's second version: it expires by time, and its transactions can't be replaced (`PaymentChannelV2ClientState`). */
export const cltvTime: Contract = unidirectional({
  ...bip65,
  id: 'cltv-time',
  number: 3,
  expiresBy: 'time',
  form: LASTING,
});
