import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { sha512 } from '@noble/hashes/sha2.js';

/** scrypt (RFC 7914): `n` iterations, `r` blocks, `p` lanes; uses 128·n·r bytes of memory. */
export interface KeyCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** Slow functions from words to keys. */
export interface KeyDerivation {
  readonly scrypt: (password: Uint8Array, salt: Uint8Array, cost: KeyCost, length: number) => Promise<Uint8Array>;
  /** PBKDF2 with HMAC-SHA512 (RFC 8018). */
  readonly pbkdf2: (password: Uint8Array, salt: Uint8Array, rounds: number, length: number) => Uint8Array;
}

/** Runs everywhere. */
export const portableDerivation: KeyDerivation = {
  scrypt: (password, salt, { n, r, p }, length) => scryptAsync(password, salt, { N: n, r, p, dkLen: length }),
  pbkdf2: (password, salt, rounds, length) => pbkdf2(sha512, password, salt, { c: rounds, dkLen: length }),
};

/** Node's own: the same result in half the time, with scrypt outside the main thread. Undefined where there is none, as in a web page. */
export function nodeDerivation(): KeyDerivation | undefined {
  const node = globalThis.process?.getBuiltinModule?.('node:crypto');
  if (node === undefined) return undefined;
  return {
    scrypt: (password, salt, { n, r, p }, length) =>
      new Promise((resolve, reject) => {
        const options = { N: n, r, p, maxmem: 128 * r * (n + p + 2) };
        node.scrypt(password, salt, length, options, (error, key) => (error === null ? resolve(Uint8Array.from(key)) : reject(error)));
      }),
    pbkdf2: (password, salt, rounds, length) => Uint8Array.from(node.pbkdf2Sync(password, salt, rounds, length, 'sha512')),
  };
}

export const keyDerivation: KeyDerivation = nodeDerivation() ?? portableDerivation;
