import { bytesToHex, equalBytes } from '../../src/core/base/bytes.ts';
import type { Signer } from '../../src/core/tx/sign.ts';

/** A signer that keeps what it signed and refuses what no honest side may sign. */
export interface StrictSigner extends Signer {
  /** The digests it signed, in hex and in order. */
  readonly signed: readonly string[];
}

/** What a SINGLE signature without an output at its index signs: it would hold for any transaction (`interpreter.cpp`, SignatureHash). */
const UNBOUND: Uint8Array = Uint8Array.of(1, ...new Uint8Array(31));

/**
 * Guards a key in tests: throws on anything but 32 bytes, on the digest that binds nothing, and on digests that `mayBeSigned` does not know,
 * where one is given: a test that lists all transactions of a channel has every other signature fail.
 */
export function strictSigner(inner: Signer, mayBeSigned?: (digest: string) => boolean): StrictSigner {
  const signed: string[] = [];
  return {
    publicKey: inner.publicKey,
    signed,
    secret: inner.secret,
    derived: inner.derived,
    sign: (digest) => {
      const hex = bytesToHex(digest);
      if (digest.length !== 32) throw new Error(`${digest.length} bytes are no digest`);
      if (equalBytes(digest, UNBOUND)) throw new Error('a signature over the constant 1 would hold for any transaction');
      if (mayBeSigned?.(hex) === false) throw new Error(`nothing that may be signed has the digest ${hex}`);
      signed.push(hex);
      return inner.sign(digest);
    },
  };
}
