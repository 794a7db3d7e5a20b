import { utf8ToBytes } from '@noble/hashes/utils.js';
import { entropyToMnemonic, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import type { Random } from '../engine/ports.ts';
import { keyDerivation } from './key-derivation.ts';

const WORDS: ReadonlySet<string> = new Set(wordlist);
/** BIP39 allows these lengths; new wallets get 12 or 24. */
const WORD_COUNTS: readonly number[] = [12, 15, 18, 21, 24];
/** From BIP39. */
const [SEED_ROUNDS, SEED_BYTES] = [2_048, 64];
const ENTROPY_BYTES = { 12: 16, 24: 32 } as const;

/** What is wrong with typed words, so that a person can correct them. `position` counts from 1. */
export type MnemonicReading =
  | { readonly kind: 'mnemonic'; readonly mnemonic: string }
  | { readonly kind: 'word-count'; readonly count: number }
  | { readonly kind: 'unknown-word'; readonly position: number; readonly word: string }
  | { readonly kind: 'checksum' };

/** New BIP39 words, English list: 12 words hold 128 bits, 24 hold 256. */
export function createMnemonic(words: 12 | 24, random: Random): string {
  return entropyToMnemonic(random.bytes(ENTROPY_BYTES[words]), wordlist);
}

/** Reads BIP39 words as people type them: in any case, with any white space. */
export function readMnemonic(text: string): MnemonicReading {
  const words = text.normalize('NFKD').toLowerCase().split(/\s+/).filter(Boolean);
  if (!WORD_COUNTS.includes(words.length)) return { kind: 'word-count', count: words.length };
  const stranger = words.findIndex((word) => !WORDS.has(word));
  if (stranger >= 0) return { kind: 'unknown-word', position: stranger + 1, word: words[stranger] ?? '' };
  const mnemonic = words.join(' ');
  return validateMnemonic(mnemonic, wordlist) ? { kind: 'mnemonic', mnemonic } : { kind: 'checksum' };
}

/**
 * The 64-byte BIP39 seed. Another passphrase gives another wallet; no passphrase is wrong. @throws when the words are not a valid mnemonic: read them
 * with `readMnemonic` first.
 */
export function seedOf(mnemonic: string, passphrase = ''): Uint8Array {
  if (!validateMnemonic(mnemonic, wordlist)) throw new TypeError('not a BIP39 mnemonic');
  const salt = `mnemonic${passphrase}`.normalize('NFKD');
  return keyDerivation.pbkdf2(utf8ToBytes(mnemonic.normalize('NFKD')), utf8ToBytes(salt), SEED_ROUNDS, SEED_BYTES);
}
