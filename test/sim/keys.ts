import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { type PublicKey, type Signature, type Signer, secretOf, type Verify } from '../../src/core/tx/sign.ts';
import type { SeedRing } from '../../src/engine/ports.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';

interface Native {
  readonly ecdsaSign: (digest: Uint8Array, key: Uint8Array) => { readonly signature: Uint8Array };
  readonly publicKeyCreate: (key: Uint8Array, compressed: boolean) => Uint8Array;
}

const native: Native = createRequire(import.meta.url)('secp256k1/bindings');

export const verify: Verify = (await fastestVerifier()).verify;

/** Signs as `signer` does, RFC 6979 and low s, in native code: a simulation signs more than it does anything else. */
export function nativeSigner(privateKey: Uint8Array): Signer {
  return {
    publicKey: native.publicKeyCreate(privateKey, true) as PublicKey,
    sign: (digest) => native.ecdsaSign(digest, privateKey).signature as Signature,
    secret: (label) => secretOf(privateKey, label),
    derived: (label) => nativeSigner(secretOf(privateKey, label)),
  };
}

const kept = new Map<string, Signer>();

/** Keys by name out of one secret. Those of wallets recur from world to world and are made once; those of offers do not. */
export function nativeKeyRing(secret: string): SeedRing {
  const own = new Map<string, Signer>();
  const noteSecret = createHash('sha256').update(`${secret} notes`).digest();
  return {
    noteSecret: () => noteSecret,
    signer: (name) => {
      const cache = name.startsWith('m/') ? kept : own;
      const id = `${secret} ${name}`;
      const known = cache.get(id) ?? nativeSigner(createHash('sha256').update(id).digest());
      cache.set(id, known);
      return known;
    },
  };
}
