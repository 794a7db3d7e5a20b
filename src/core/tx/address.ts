import { sha256 } from '@noble/hashes/sha2.js';
import { bech32, bech32m, createBase58check } from '@scure/base';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import type { Coin } from '../coin/coin.ts';
import { script } from './script.ts';

const base58check = createBase58check(sha256);
const HASH_LENGTH = 20;
/** Where the hash begins (after `DUP HASH160` or `HASH160`), and its length. */
const KEY_START = 3;
const SCRIPT_START = 2;

/**
 * Witness programs that the chains that have them enforce: P2WPKH and P2WSH (BIP141), P2TR (BIP341). Coins sent to any other program can be spent by
 * anyone.
 */
const PROGRAM_LENGTHS: readonly (readonly number[])[] = [[HASH_LENGTH, 32], [32]];
/** OP_1 minus 1: add the witness version to get its opcode. */
const VERSION_OPCODE = 0x50;
/** The same sum for version 0 would give OP_RESERVED, which is no version. */
const NO_VERSION = -1;

/**
 * The address of a P2PKH or P2SH output script, or of a witness program where the coin has those. Undefined for any other script, also for one that
 * pushes the hash in another way.
 */
export function addressOf(coin: Coin, outputScript: Uint8Array): string | undefined {
  return witnessAddress(coin, outputScript) ?? hashAddress(coin, outputScript);
}

function hashAddress(coin: Coin, outputScript: Uint8Array): string | undefined {
  const isKey = outputScript.length === KEY_START + HASH_LENGTH + 2;
  const start = isKey ? KEY_START : SCRIPT_START;
  const hash = outputScript.subarray(start, start + HASH_LENGTH);
  if (hash.length < HASH_LENGTH || !equalBytes(isKey ? keyScript(hash) : hashScript(hash), outputScript)) return undefined;
  return encode(isKey ? coin.prefix.p2pkh : coin.prefix.p2sh[0], hash);
}

/** The output script that an address of this coin stands for; undefined for any other text. */
export function scriptOf(coin: Coin, address: string): Uint8Array | undefined {
  return programIn(coin, address) ?? hashScriptIn(coin, address);
}

function hashScriptIn(coin: Coin, address: string): Uint8Array | undefined {
  const bytes = decode(address);
  if (bytes?.length !== 1 + HASH_LENGTH) return undefined;
  const [version = 0] = bytes;
  const hash = bytes.subarray(1);
  if (version === coin.prefix.p2pkh) return keyScript(hash);
  return coin.prefix.p2sh.includes(version) ? hashScript(hash) : undefined;
}

function witnessAddress({ prefix }: Coin, outputScript: Uint8Array): string | undefined {
  const [opcode = 0, length] = outputScript;
  const program = outputScript.subarray(2);
  const version = opcode === 0 ? 0 : opcode > VERSION_OPCODE ? opcode - VERSION_OPCODE : NO_VERSION;
  if (prefix.bech32 === undefined || length !== program.length || !isBound(version, program)) return undefined;
  return codecOf(version).encode(prefix.bech32, [version, ...bech32.toWords(program)]);
}

function programIn({ prefix }: Coin, address: string): Uint8Array | undefined {
  const read = [bech32, bech32m].map((codec) => codec.decodeUnsafe(address));
  const at = read.findIndex((one) => one !== undefined);
  const [version = -1, ...words] = read[at]?.words ?? [];
  const program = bech32.fromWordsUnsafe(words);
  // BIP350: version 0 has the older checksum, all others the newer one.
  if (read[at]?.prefix !== prefix.bech32 || Math.min(version, 1) !== at || !(program instanceof Uint8Array)) return undefined;
  return isBound(version, program) ? script(version === 0 ? 'OP_0' : version, program) : undefined;
}

function isBound(version: number, program: Uint8Array): boolean {
  return PROGRAM_LENGTHS[version]?.includes(program.length) === true;
}

function codecOf(version: number): typeof bech32 {
  return version === 0 ? bech32 : bech32m;
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
