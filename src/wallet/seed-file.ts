import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import * as z from 'zod';
import { bytesToHex, hexToBytes } from '../core/base/bytes.ts';
import { type Height, isHeight } from '../core/base/height.ts';
import type { Random } from '../engine/ports.ts';
import { type KeyCost, keyDerivation } from './key-derivation.ts';

/** Everything that is needed to restore a wallet. */
export interface SeedContents {
  /** BIP39 words. */
  readonly mnemonic: string;
  /** BIP39 passphrase, empty for none: it is part of the seed, and does not lock the file. */
  readonly passphrase: string;
  /** Id of the coin the wallet was made for. */
  readonly coin: string;
  /** Height of the chain when the wallet was made: earlier blocks need no scan. */
  readonly birthday: Height;
}

export type OpenedSeed =
  | { readonly kind: 'opened'; readonly contents: SeedContents }
  | { readonly kind: 'wrong-passphrase' }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'newer'; readonly version: number };

/** 128 MiB and about half a second: acceptable for a person who unlocks a wallet. */
export const KEY_COST: KeyCost = { n: 2 ** 17, r: 8, p: 1 };
/** A file from a stranger must not use more than 1 GiB or minutes. */
const MOST_COST: KeyCost = { n: 2 ** 20, r: 8, p: 4 };

const VERSION = 1;
const SALT_BYTES = 32;
const NONCE_BYTES = 24;
const KEY_BYTES = 32;

const hex = (bytes: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

const Cost = z.strictObject({
  n: z
    .int()
    .min(2)
    .max(MOST_COST.n)
    .refine((n) => Number.isInteger(Math.log2(n))),
  r: z.int().min(1).max(MOST_COST.r),
  p: z.int().min(1).max(MOST_COST.p),
});

const SeedFile = z.strictObject({
  pawment: z.literal('seed'),
  version: z.literal(VERSION),
  scrypt: z.strictObject({ ...Cost.shape, salt: hex(SALT_BYTES) }),
  nonce: hex(NONCE_BYTES),
  sealed: z.string().regex(/^([0-9a-f]{2}){16,4096}$/),
  checksum: hex(32),
});
type SeedFile = z.infer<typeof SeedFile>;

const Contents = z.strictObject({
  mnemonic: z.string(),
  passphrase: z.string(),
  coin: z.string(),
  birthday: z.custom<Height>((value) => typeof value === 'number' && isHeight(value)),
});

/**
 * Seals a wallet's seed with a passphrase: XChaCha20-Poly1305 with a scrypt key, as JSON text. Header and nonce are authenticated too. @throws
 * RangeError for an empty passphrase, which would protect nothing.
 */
export async function sealSeed(contents: SeedContents, passphrase: string, random: Random, cost: KeyCost = KEY_COST): Promise<string> {
  if (passphrase === '') throw new RangeError('a seed file needs a passphrase');
  const scrypt = { ...Cost.parse({ n: cost.n, r: cost.r, p: cost.p }), salt: bytesToHex(random.bytes(SALT_BYTES)) };
  const nonce = bytesToHex(random.bytes(NONCE_BYTES));
  const cipher = await cipherOf({ scrypt, nonce }, passphrase);
  const sealed = bytesToHex(cipher.encrypt(utf8ToBytes(JSON.stringify(Contents.parse(contents)))));
  const file: SeedFile = { pawment: 'seed', version: VERSION, scrypt, nonce, sealed, checksum: checksumOf({ scrypt, nonce, sealed }) };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Opens what `sealSeed` wrote. The checksum tells a damaged file from a wrong passphrase. */
export async function openSeed(text: string, passphrase: string): Promise<OpenedSeed> {
  const json = parseJson(text);
  const named = z.object({ pawment: z.literal('seed'), version: z.int().positive() }).safeParse(json);
  if (!named.success) return { kind: 'damaged', reason: 'it is not a pawment seed file' };
  if (named.data.version > VERSION) return { kind: 'newer', version: named.data.version };
  const file = SeedFile.safeParse(json);
  if (!file.success) return { kind: 'damaged', reason: 'a field is missing or malformed' };
  if (checksumOf(file.data) !== file.data.checksum) return { kind: 'damaged', reason: 'its checksum does not match' };
  const plain = decrypt(await cipherOf(file.data, passphrase), hexToBytes(file.data.sealed));
  if (plain === undefined) return { kind: 'wrong-passphrase' };
  const contents = Contents.safeParse(parseJson(new TextDecoder().decode(plain)));
  return contents.success ? { kind: 'opened', contents: contents.data } : { kind: 'damaged', reason: 'what it seals is not a seed' };
}

type Header = Pick<SeedFile, 'scrypt' | 'nonce'>;
type Cipher = ReturnType<typeof xchacha20poly1305>;

async function cipherOf({ scrypt, nonce }: Header, passphrase: string): Promise<Cipher> {
  const { salt, ...cost } = scrypt;
  const { n, r, p } = cost;
  // One passphrase typed on two keyboards can give two byte strings; NFKD makes them equal, as in BIP39.
  const key = await keyDerivation.scrypt(utf8ToBytes(passphrase.normalize('NFKD')), hexToBytes(salt), cost, KEY_BYTES);
  return xchacha20poly1305(key, hexToBytes(nonce), utf8ToBytes(`pawment/seed/${VERSION}/${n}/${r}/${p}`));
}

function decrypt(cipher: Cipher, sealed: Uint8Array): Uint8Array | undefined {
  try {
    return cipher.decrypt(sealed);
  } catch {
    return undefined;
  }
}

function checksumOf({ scrypt: { n, r, p, salt }, nonce, sealed }: Header & Pick<SeedFile, 'sealed'>): string {
  return bytesToHex(sha256(utf8ToBytes(['pawment/seed', VERSION, n, r, p, salt, nonce, sealed].join('/'))));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
