import { p2sh, script } from '../tx/script.ts';
import type { Contract } from './contract.ts';
import { hashLocks } from './hash-lock.ts';
import { bySelector } from './spend-branch.ts';
import { REPLACEABLE, templateScript, unidirectional } from './unidirectional.ts';

/**
 * The default: after expiry the payer alone (BIP65), before it both together. Each branch is complete in itself: the spender can only choose one of
 * them.
 */
export const cltvMultisig: Contract = {
  ...unidirectional({
    id: 'cltv-multisig',
    number: 1,
    needs: ['cltv'],
    form: REPLACEABLE,
    output: p2sh,
    recogniser: bySelector,
    redeem: templateScript(
      [
        ...(['IF', '<expiry>', 'CHECKLOCKTIMEVERIFY', 'DROP', '<payer>', 'CHECKSIG'] as const),
        ...(['ELSE', 2, '<payer>', '<payee>', 2, 'CHECKMULTISIG', 'ENDIF'] as const),
      ],
      'height',
    ),
    unlocks: {
      close: (redeemScript, payer, payee) => script('OP_0', payer, payee, 'OP_0', redeemScript),
      refund: (redeemScript, payer) => script(payer, 1, redeemScript),
    },
  }),
  hashLocks,
};
