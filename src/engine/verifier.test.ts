import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '@noble/hashes/sha2.js';
import { signer, verifyPortable } from '../core/tx/sign.ts';
import { fastestVerifier } from './verifier.ts';

test('the fastest verifier says of every signature what the portable one says, also of keys it has met before', async () => {
  const { verify } = await fastestVerifier();
  const signers = [1, 2, 3].map((byte) => signer(new Uint8Array(32).fill(byte)));
  for (let round = 0; round < 3; round++) {
    const digest = sha256(Uint8Array.of(round));
    for (const own of signers) {
      const signature = own.sign(digest);
      for (const other of signers) {
        assert.equal(verify(signature, digest, other.publicKey), other === own);
        assert.equal(verifyPortable(signature, digest, other.publicKey), other === own);
      }
      assert.equal(verify(signature, sha256(digest), own.publicKey), false);
    }
  }
});
