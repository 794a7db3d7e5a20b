import { sha256 } from '@noble/hashes/sha2.js';
import { createBase58check } from '@scure/base';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import type { Coin } from '../coin/coin.ts';
import { script } from './script.ts';

const base58check = createBase58check(sha256);
const HASH_LENGTH = 20;
/** Where the hash begins: behind `DUP HASH160` or `HASH160`, and its length. */
const KEY_START = 3;
const SCRIPT_START = 2;

/** The address of a P2PKH or P2SH output script; undefined for any other script, also for one that pushes the hash in another way. */
export function addressOf(coin: Coin, outputScript: Uint8Array): string | undefined {
  const isKey = outputScript.length === KEY_START + HASH_LENGTH + 2;
  const start = isKey ? KEY_START : SCRIPT_START;
  const hash = outputScript.subarray(start, start + HASH_LENGTH);
  if (hash.length < HASH_LENGTH || !equalBytes(isKey ? keyScript(hash) : hashScript(hash), outputScript)) return undefined;
  return encode(isKey ? coin.prefix.p2pkh : coin.prefix.p2sh[0], hash);
}

/** The output script an address of this coin stands for; undefined when it is no such address. */
export function scriptOf(coin: Coin, address: string): Uint8Array | undefined {
  const bytes = decode(address);
  if (bytes?.length !== 1 + HASH_LENGTH) return undefined;
  const [version = 0] = bytes;
  const hash = bytes.subarray(1);
  if (version === coin.prefix.p2pkh) return keyScript(hash);
  return coin.prefix.p2sh.includes(version) ? hashScript(hash) : undefined;
}

function keyScript(hash: Uint8Array): Uint8Array {
  return script('DUP', 'HASH160', hash, 'EQUALVERIFY', 'CHECKSIG');
}

function hashScript(hash: Uint8Array): Uint8Array {
  return script('HASH160', hash, 'EQUAL');
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
