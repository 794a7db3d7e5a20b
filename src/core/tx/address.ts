import { sha256 } from '@noble/hashes/sha2.js';
import { createBase58check } from '@scure/base';
import { concatBytes } from '../base/bytes.ts';
import type { Coin } from '../coin/coin.ts';
import { readScript, script } from './script.ts';

const base58check = createBase58check(sha256);
const HASH_LENGTH = 20;

/** The address of a P2PKH or P2SH output script; undefined for any other script. */
export function addressOf(coin: Coin, outputScript: Uint8Array): string | undefined {
  const parts = readScript(outputScript);
  if (parts === undefined) return undefined;
  const isHash = (part: unknown): part is Uint8Array => part instanceof Uint8Array && part.length === HASH_LENGTH;
  const [first, second, third, fourth, fifth, ...rest] = parts;
  if (first === 'HASH160' && isHash(second) && third === 'EQUAL' && fourth === undefined) return encode(coin.prefix.p2sh[0], second);
  const isP2pkh = first === 'DUP' && second === 'HASH160' && fourth === 'EQUALVERIFY' && fifth === 'CHECKSIG' && rest.length === 0;
  return isP2pkh && isHash(third) ? encode(coin.prefix.p2pkh, third) : undefined;
}

/** The output script an address of this coin stands for; undefined when it is no such address. */
export function scriptOf(coin: Coin, address: string): Uint8Array | undefined {
  const bytes = decode(address);
  if (bytes?.length !== 1 + HASH_LENGTH) return undefined;
  const [version = 0] = bytes;
  const hash = bytes.subarray(1);
  if (version === coin.prefix.p2pkh) return script('DUP', 'HASH160', hash, 'EQUALVERIFY', 'CHECKSIG');
  return coin.prefix.p2sh.includes(version) ? script('HASH160', hash, 'EQUAL') : undefined;
}

function encode(version: number, hash: Uint8Array): string {
  return base58check.encode(concatBytes(Uint8Array.of(version), hash));
}

function decode(address: string): Uint8Array | undefined {
  try {
    return base58check.decode(address);
  } catch {
    return undefined;
  }
}
