import assert from 'node:assert/strict';
import { sha256 } from '@noble/hashes/sha2.js';
import { z } from 'zod';
import { bytesToHex } from '../../../src/core/base/bytes.ts';
import { height } from '../../../src/core/base/height.ts';
import { openSeed, sealSeed } from '../../../src/wallet/seed-file.ts';
import { mutateJson } from '../http.ts';
import { ACCEPTED, type Target, textOf, utf8 } from '../target.ts';

const random = { bytes: (length: number) => new Uint8Array(length).fill(3) };
const contents = { mnemonic: 'abandon about', passphrase: '', coin: 'dogecoin', birthday: height(7) };
const seal = (password: string): Promise<string> => sealSeed(contents, password, random, { n: 2, r: 1, p: 1 });
const headerField = z.looseObject({
  version: z.unknown(),
  scrypt: z.looseObject({ n: z.unknown(), r: z.unknown(), p: z.unknown(), salt: z.unknown() }),
  nonce: z.unknown(),
  sealed: z.unknown(),
});

/** The file again with the checksum that belongs to what it says: anyone can reckon it. */
function checked(text: string): string {
  const read = headerField.safeParse(parsed(text));
  if (!read.success) return text;
  const { version, scrypt, nonce, sealed } = read.data;
  const summed = ['pawment/seed', version, scrypt.n, scrypt.r, scrypt.p, scrypt.salt, nonce, sealed].join('/');
  return JSON.stringify({ ...read.data, checksum: bytesToHex(sha256(utf8(summed))) });
}

/** Opening costs as much as the file says: more than this is left to a test of its own. */
const MOST_COST = 2 ** 10;

function costOf(text: string): number {
  const { n, r, p } = z.looseObject({ scrypt: z.looseObject({ n: z.number(), r: z.number(), p: z.number() }) }).safeParse(parsed(text)).data
    ?.scrypt ?? { n: 0, r: 0, p: 0 };
  return n * r * p;
}

/** Seed files: opened, locked, damaged or newer. */
export const seedFile: Target = {
  name: 'seed-file',
  files: ['wallet/seed-file.ts'],
  corpus: [await seal('password'), await seal('another')].map(utf8),
  mutate: (input, chance, other) => {
    const made = textOf(mutateJson(input, chance, other));
    return utf8(chance.happens(0.5) ? checked(made) : made);
  },
  check: async (input) => {
    const text = textOf(input);
    const cost = costOf(text);
    // Such a file is refused for its cost, or would be opened at that cost: only the first is looked at here.
    if (cost > MOST_COST && cost <= 2 ** 25) return { code: 'dear' };
    const opened = await openSeed(text, 'password');
    if (opened.kind !== 'opened') return { code: opened.kind, path: opened.kind === 'damaged' ? opened.reason : '' };
    assert.deepEqual(opened.contents, contents);
    return ACCEPTED;
  },
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
