import type { LockKind } from '../base/height.ts';
import { p2sh, script } from '../tx/script.ts';
import type { Contract } from './contract.ts';
import { hashLocks } from './hash-lock.ts';
import type { ScriptTemplate } from './script-template.ts';
import { bySelector } from './spend-branch.ts';
import { LASTING, REPLACEABLE, templateScript, type UnidirectionalScript, unidirectional } from './unidirectional.ts';

/** Of BIP65's own payment channel example. */
const TEMPLATE: ScriptTemplate = [
  ...(['IF', '<payee>', 'CHECKSIGVERIFY', 'ELSE', '<expiry>', 'CHECKLOCKTIMEVERIFY', 'DROP', 'ENDIF'] as const),
  ...(['<payer>', 'CHECKSIG'] as const),
];

/** The same with how it is unlocked, for locks of either kind. */
export function bip65(expiresBy: LockKind): Omit<UnidirectionalScript, 'id' | 'number' | 'form'> {
  return {
    output: p2sh,
    recogniser: bySelector,
    needs: ['cltv'],
    redeem: templateScript(TEMPLATE, expiresBy),
    unlocks: {
      close: (redeemScript, payer, payee) => script(payer, payee, 1, redeemScript),
      refund: (redeemScript, payer) => script(payer, 'OP_0', redeemScript),
    },
  };
}

/** The form in BIP65's own payment channel example: 36 bytes shorter than `cltv-multisig`. */
export const cltv: Contract = {
  ...unidirectional({ ...bip65('height'), id: 'cltv', number: 2, form: REPLACEABLE }),
  hashLocks,
};

/** The same as in bitcoinj's second version: it expires by time, and its transactions can't be replaced (`PaymentChannelV2ClientState`). */
export const cltvTime: Contract = unidirectional({
  ...bip65('time'),
  id: 'cltv-time',
  number: 3,
  form: LASTING,
});
