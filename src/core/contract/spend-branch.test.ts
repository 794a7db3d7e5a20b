import assert from 'node:assert/strict';
import { test } from 'node:test';
import { payeeKey, payerKey } from '../../../test/world/sample.ts';
import { script } from '../tx/script.ts';
import { SIGHASH } from '../tx/sighash.ts';
import { encodeSignature, type Signer } from '../tx/sign.ts';
import { RELEASE } from './refund-signature.ts';
import { bySignatures } from './spend-branch.ts';

/** A signature of no matter what, with a hash type. */
function signature(signer: Signer, hashType: number): Uint8Array {
  return encodeSignature(signer.sign(new Uint8Array(32).fill(7)), hashType);
}

function unlock(ofPayer: number, ofPayee: number): Uint8Array {
  return script('OP_0', signature(payerKey, ofPayer), signature(payeeKey, ofPayee));
}

test('a bare 2-of-2 is refunded by the payee’s release, whatever the payer signs of it, and closed by anything else', () => {
  const { ALL, NONE, SINGLE, ANYONECANPAY } = SIGHASH;
  for (const base of [ALL, NONE, SINGLE]) {
    for (const ofPayer of [base, base | ANYONECANPAY]) {
      assert.equal(bySignatures(unlock(ofPayer, RELEASE)), 'refund', `${ofPayer}`);
      assert.equal(bySignatures(unlock(ofPayer, ALL)), 'close', `${ofPayer}`);
    }
  }
  assert.equal(bySignatures(script('OP_0', signature(payeeKey, RELEASE))), 'foreign');
});
