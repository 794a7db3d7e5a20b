import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { signer, verifyPortable } from '../core/tx/sign.ts';
import { fastestSigner } from './signer.ts';

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const key = bytes.filter((privateKey) => privateKey.some((byte) => byte > 0) && privateKey[0] !== 0xff);

test('the fastest signer is not the portable one where native code is installed', () => {
  assert.doesNotThrow(() => createRequire(import.meta.url)('secp256k1/bindings'));
  assert.notEqual(fastestSigner(), signer);
});

test('the fastest signer has the keys of the portable one, signs the same bytes and makes the same secrets', () => {
  const signerOf = fastestSigner();
  fc.assert(
    fc.property(key, bytes, (privateKey, digest) => {
      const [fast, portable] = [signerOf(privateKey), signer(privateKey)];
      const signature = fast.sign(digest);
      assert.deepEqual(fast.publicKey, portable.publicKey);
      assert.deepEqual(signature, portable.sign(digest));
      assert.deepEqual(fast.secret('label'), portable.secret('label'));
      assert.ok(verifyPortable(signature, digest, portable.publicKey));
    }),
  );
});

test('the fastest signer keeps its key whatever becomes of the bytes it was made of, and takes none that is no key', () => {
  const privateKey = new Uint8Array(32).fill(3);
  const own = fastestSigner()(privateKey);
  const digest = new Uint8Array(32).fill(4);
  const before = own.sign(digest);
  privateKey.fill(5);
  assert.deepEqual(own.sign(digest), before);
  assert.throws(() => fastestSigner()(new Uint8Array(32)));
  assert.throws(() => fastestSigner()(new Uint8Array(32).fill(0xff)));
});
