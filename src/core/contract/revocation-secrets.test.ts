import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import {
  heldRevocationSecret,
  type RevocationSecrets,
  revocationSecret,
  shownIndices,
  withRevocationSecret,
} from './revocation-secrets.ts';

const LAST = 2 ** 48 - 1;

/** BOLT 3, Appendix D, "Generation tests", with BOLT 3's numbers, which fall. */
const GENERATED = [
  ['0 final node', '00', LAST, '02a40c85b6f28da08dfdbe0926c53fab2de6d28c10301f8f7c4073d5e42e3148'],
  ['FF final node', 'ff', LAST, '7cc854b54e3e0dcdb010d7a3fee464a9687be6e8db3be6854c475621e007a5dc'],
  ['FF alternate bits 1', 'ff', 0xaaa_aaaa_aaaa, '56f4008fb007ca9acf0e15b054d5c9fd12ee06cea347914ddbaed70d1c13a528'],
  ['FF alternate bits 2', 'ff', 0x5555_5555_5555, '9015daaeb06dba4ccc05b91b2f73bd54405f2be9f217fbacd3c5ac2e62327d31'],
  ['01 last nontrivial node', '01', 1, '915c75942a26bb3a433a8ce2cb0427c29ec6c1775cfc78328b57f6ba7bfeaa9c'],
] as const;

for (const [name, seed, number, expected] of GENERATED) {
  test(`BOLT 3, Appendix D: generate_from_seed ${name}`, () => {
    assert.equal(bytesToHex(revocationSecret(hexToBytes(seed.repeat(32)), LAST - number)), expected);
  });
}

const A = '7cc854b54e3e0dcdb010d7a3fee464a9687be6e8db3be6854c475621e007a5dc';
const B = 'c7518c8ae4660ed02894df8976fa1a3659c1a8b4b5bec0c4b872abeba4cb8964';
const C = '2273e227a5b7449b6e70f1fb4652864038b1cbf9cd7c043a7d6456b7fc275ad8';
const D = '27cddaa5624534cb6cb9d7da077cf2b22ab21e9b506fd4998a51d54502e99116';
const E = 'c65716add7aa98ba7acb236352d665cab17345fe45b55fb879ff80e6bd0c41dd';
const F = '969660042a28f32d9be17344e09374b379962d03db1574df5a8a5a47e19ce3f2';
const G = 'a5a64476122ca0925fb344bdc1854c1c0a59fc614298e50a33e331980a220f32';
const H = '05cde6323d949933f7f7b78776bcc1ea6d9b31447732e3802e1f7ac44b650e17';
const WRONG_A = '02a40c85b6f28da08dfdbe0926c53fab2de6d28c10301f8f7c4073d5e42e3148';
const WRONG_B = 'dddc3a8d14fddf2b68fa8c7fbad2748274937479dd0f8930d5ebb4ab6bd866a3';
const WRONG_C = 'c51a18b13e8527e579ec56365482c62f180b7d5760b46e9477dae59e87ed423a';
const WRONG_D = 'ba65d7b0ef55a3ba300d4e87af29868f394f8f138d78a7011669c79b37b936f4';
const WRONG_E = '631373ad5f9ef654bb3dade742d09504c567edd24320d2fcd68e3cc47e2ff6a6';
const WRONG_F = 'b7e76a83668bde38b373970155c868a653304308f9896692f904a23731224bb1';
const WRONG_G = 'e7971de736e01da8ed58b94c2fc216cb1dca9e326f3a96e7194fe8ea8af6c0a3';
const WRONG_H = 'a7efbc61aac46d34f77778bac22c8a20c6a46ca460addc49009bda875ec88fa4';

/** BOLT 3, Appendix D, "Storage tests": the secrets in the order they are shown, and how many of them are taken. */
const STORED: readonly (readonly [string, readonly string[], number])[] = [
  ['correct sequence', [A, B, C, D, E, F, G, H], 8],
  ['#1 incorrect', [WRONG_A, B], 1],
  ['#2 incorrect (#1 derived from incorrect)', [WRONG_A, WRONG_B, C, D], 3],
  ['#3 incorrect', [A, B, WRONG_C, D], 3],
  ['#4 incorrect (1,2,3 derived from incorrect)', [WRONG_A, WRONG_B, WRONG_C, WRONG_D, E, F, G, H], 7],
  ['#5 incorrect', [A, B, C, D, WRONG_E, F], 5],
  ['#6 incorrect (5 derived from incorrect)', [A, B, C, D, WRONG_E, WRONG_F, G, H], 7],
  ['#7 incorrect', [A, B, C, D, E, F, WRONG_G, H], 7],
  ['#8 incorrect', [A, B, C, D, E, F, G, WRONG_H], 7],
];

for (const [name, secrets, taken] of STORED) {
  test(`BOLT 3, Appendix D: insert_secret ${name}`, () => {
    let held: RevocationSecrets | undefined = [];
    for (const [index, secret] of secrets.entries()) {
      held = withRevocationSecret(held, index, hexToBytes(secret));
      if (held === undefined) return assert.equal(index, taken);
      for (let i = 0; i <= index; i++) assert.equal(hexOf(heldRevocationSecret(held, i)), secrets[i]);
    }
    assert.equal(secrets.length, taken);
  });
}

function hexOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && bytesToHex(bytes);
}

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** BOLT 3's `generate_from_seed` as it is written there, on the bits of a big integer. */
function generateFromSeed(seed: Uint8Array, number: bigint): Uint8Array {
  let value = seed.slice();
  for (let bit = 47; bit >= 0; bit--) {
    if (((number >> BigInt(bit)) & 1n) === 0n) continue;
    value[bit >> 3] = (value[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    value = sha256(value);
  }
  return value;
}

test('a secret is what BOLT 3 generates, for every number of 48 bits', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 0, max: LAST }), (seed, index) => {
      assert.deepEqual(revocationSecret(seed, index), generateFromSeed(seed, BigInt(LAST - index)));
    }),
  );
  assert.deepEqual(revocationSecret(new Uint8Array(32), LAST), new Uint8Array(32), 'the last one is the seed itself');
});

test('what is held tells every secret that was shown, and none that was not', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 200 }), (seed, shown) => {
      const held = show(seed, shown);
      for (let index = 0; index < shown; index++) assert.deepEqual(heldRevocationSecret(held, index), revocationSecret(seed, index));
      for (const index of [shown, shown + 1, LAST, -1, 0.5]) assert.equal(heldRevocationSecret(held, index), undefined);
    }),
    { numRuns: 25 },
  );
});

function show(seed: Uint8Array, count: number): RevocationSecrets {
  let held: RevocationSecrets = [];
  for (let index = 0; index < count; index++) {
    const next = withRevocationSecret(held, index, revocationSecret(seed, index));
    assert.ok(next, `number ${index}`);
    held = next;
  }
  return held;
}

test('only the next secret is taken, of 32 bytes, and a changed one is noticed by the time that others follow from it', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 0, max: 62 }), fc.nat(255), (seed, wrong, bit) => {
      const held = show(seed, wrong);
      const right = revocationSecret(seed, wrong);
      for (const index of [wrong - 1, wrong + 1, LAST + 1, -1]) assert.equal(withRevocationSecret(held, index, right), undefined);
      assert.equal(withRevocationSecret(held, wrong, right.subarray(1)), undefined);
      assert.ok(withRevocationSecret(held, wrong, right));

      const changed = right.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      let after = withRevocationSecret(held, wrong, changed);
      for (let index = wrong + 1; after !== undefined && index < 64; index++)
        after = withRevocationSecret(after, index, revocationSecret(seed, index));
      assert.equal(after, undefined);
    }),
  );
});

test('a hundred thousand secrets are held by a few, never by more than 49', () => {
  const seed = sha256(Uint8Array.of(1));
  // All of them follow from a later one, which is quicker than from the seed.
  const later = [{ index: 2 ** 17 - 1, secret: revocationSecret(seed, 2 ** 17 - 1) }];
  let held: RevocationSecrets = [];
  let most = 0;
  for (let index = 0; index < 100_000; index++) {
    const next = withRevocationSecret(held, index, heldRevocationSecret(later, index) ?? new Uint8Array());
    assert.ok(next, `number ${index}`);
    held = next;
    most = Math.max(most, held.length);
  }
  assert.equal(most, 16, 'one for each bit of 65,535');
  for (const index of [0, 1, 65_535, 65_536, 99_999]) assert.deepEqual(heldRevocationSecret(held, index), revocationSecret(seed, index));
});

test('the last secrets of all are taken, what is held then is the seed, and there is none behind it', () => {
  const seed = sha256(Uint8Array.of(2));
  // What 2^48 - 2 secrets leave: those of the numbers 1 bit, 2 bits, … 47 bits below the seed.
  let held: RevocationSecrets = Array.from({ length: 47 }, (_, i) => LAST - 2 ** (47 - i)).map((index) => ({
    index,
    secret: revocationSecret(seed, index),
  }));
  for (const index of [LAST - 1, LAST]) {
    const next = withRevocationSecret(held, index, revocationSecret(seed, index));
    assert.ok(next);
    held = next;
  }
  assert.deepEqual(held, [{ index: LAST, secret: seed }]);
  for (const index of [0, 1, 2 ** 32, 2 ** 40 + 5, LAST])
    assert.deepEqual(heldRevocationSecret(held, index), revocationSecret(seed, index));
  assert.equal(withRevocationSecret(held, LAST + 1, seed), undefined);
});

test('no secret is made for a number that is none, nor of a seed that is not 32 bytes', () => {
  for (const index of [-1, 0.5, LAST + 1, Number.NaN]) assert.throws(() => revocationSecret(new Uint8Array(32), index), RangeError);
  assert.throws(() => revocationSecret(new Uint8Array(31), 0), RangeError);
});

test('the numbers of the secrets that are held are told by how many were shown', () => {
  const seed = new Uint8Array(32).fill(1);
  let held: RevocationSecrets = [];
  for (let count = 0; count < 70; count++) {
    assert.deepEqual(
      held.map(({ index }) => index),
      shownIndices(count),
    );
    held = withRevocationSecret(held, count, revocationSecret(seed, count)) ?? assert.fail();
  }
});
