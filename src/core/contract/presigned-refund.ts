import { script } from '../tx/script.ts';
import type { Contract } from './contract.ts';
import { bySignatures } from './spend-branch.ts';
import { LASTING, templateScript, unidirectional } from './unidirectional.ts';

/**
 * bitcoinj's first version: a bare 2-of-2; the payee signs its refund before the payer funds it (`PaymentChannelV1ClientState`). It needs no
 * consensus rule, but it has a weakness: the refund names the funding transaction by its id, and without SegWit anyone who relays that transaction
 * can change the id. Then the payer gets nothing back without the payee. So the payer broadcasts the funding itself, and asks for a new refund
 * signature when the id has changed.
 */
export const presignedRefund: Contract = unidirectional({
  id: 'presigned-refund',
  number: 4,
  needs: [],
  form: LASTING,
  redeem: templateScript([2, '<payer>', '<payee>', 2, 'CHECKMULTISIG'], 'time'),
  output: (redeemScript) => redeemScript,
  recogniser: () => bySignatures,
  unlocks: {
    close: (_, payer, payee) => script('OP_0', payer, payee),
    refund: (_, payer, release) => script('OP_0', payer, release),
  },
});
