import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bytesToHex, concatBytes, hexToBytes } from '../../../../src/core/base/bytes.ts';
import { LOCK_TIME_THRESHOLD, lockTime, MAX_LOCK_TIME } from '../../../../src/core/base/height.ts';
import { isRefusal, type Refusal, type RefusalCode } from '../../../../src/core/base/refusal.ts';
import type { Contract } from '../../../../src/core/contract/contract.ts';
import type { ScriptTerms, WrittenTerms } from '../../../../src/core/contract/script-terms.ts';
import { OP } from '../../../../src/core/tx/script.ts';
import { ageLockIn, assertRefused, must } from '../../../world/sample.ts';
import type { Case, World } from './world.ts';

/** Script numbers of the same length, as they are pushed, and where their length changes. */
interface Expiries {
  readonly some: readonly [expiry: number, hex: string];
  readonly next: readonly [expiry: number, hex: string];
  readonly first: number;
  readonly last: number;
  readonly edges: readonly number[];
  /** Bytes of the number. */
  readonly lengths: readonly (readonly [expiry: number, bytes: number])[];
  /** Lock times of the other kind. */
  readonly foreign: Readonly<Record<string, string>>;
}

const EXPIRIES: Readonly<Record<Contract['expiresBy'], Expiries>> = {
  height: {
    some: [100_000, 'a08601'],
    next: [100_001, 'a18601'],
    ...{ first: 0, last: LOCK_TIME_THRESHOLD - 1 },
    edges: [1, 16, 17, 127, 128, 255, 256, 32_767, 32_768, 8_388_607, 8_388_608],
    lengths: [
      [32_767, 2],
      [32_768, 3],
      [8_388_607, 3],
      [8_388_608, 4],
    ],
    foreign: { 'the first time': '0065cd1d', 'a time of today': '00e2f565' },
  },
  time: {
    some: [1_710_612_992, '00e2f565'],
    next: [1_710_612_993, '01e2f565'],
    ...{ first: LOCK_TIME_THRESHOLD, last: MAX_LOCK_TIME },
    edges: [1_600_000_000, 0x7fff_ffff, 0x8000_0000],
    lengths: [
      [LOCK_TIME_THRESHOLD, 4],
      [0x7fff_ffff, 4],
      [0x8000_0000, 5],
      [MAX_LOCK_TIME, 5],
    ],
    foreign: { 'the last height': 'ff64cd1d', 'a height of today': '404b4c' },
  },
};

function expiriesOf({ contract }: World): Expiries {
  return EXPIRIES[contract.expiresBy];
}

const AGE = 1_000;

function scriptTerms(world: World, expiry = expiriesOf(world).some[0]): ScriptTerms {
  const payee = world.key();
  return { payerKey: world.key().publicKey, payeeKey: payee.publicKey, expiry: lockTime(expiry), ...ageLockIn(world.contract, AGE, payee) };
}

/** What a script says of its terms. */
function writtenIn({ contract }: World, { expiry, ...keys }: ScriptTerms): WrittenTerms {
  return contract.expiryIn === 'script' ? { ...keys, expiry } : keys;
}

/** The script of `terms` with other bytes in the place of some, wherever they stand. */
function withHex(world: World, terms: ScriptTerms, from: string, to: string): Uint8Array {
  const hex = bytesToHex(world.contract.redeemScript(terms));
  assert.ok(hex.includes(from), from);
  return hexToBytes(hex.replaceAll(from, to));
}

const push = (hex: string): string => `${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`;

/** Expiries as scripts must not write them. Beside each, in the same place, another is read. */
const WRONG_EXPIRIES: Readonly<Record<string, readonly [string, RefusalCode]>> = {
  'a small number pushed': [push('05'), 'expiry-malformed'],
  'sixteen pushed': [push('10'), 'expiry-malformed'],
  'zero pushed': [push('00'), 'expiry-malformed'],
  'negative zero': [push('80'), 'expiry-malformed'],
  negative: [push('a08681'), 'expiry-malformed'],
  'minus one as an opcode': ['4f', 'expiry-malformed'],
  'an opcode': ['61', 'expiry-malformed'],
  'more than 32 bits': [push('0000000001'), 'expiry-malformed'],
  'six bytes': [push('000000000001'), 'expiry-malformed'],
};

function refusesExpiries(world: World): void {
  const terms = scriptTerms(world);
  const { some, next, foreign } = expiriesOf(world);
  const written = push(some[1]);
  const reads = (other: string): WrittenTerms | Refusal => world.contract.readRedeemScript(withHex(world, terms, written, other));
  for (const [label, [other, code]] of Object.entries(WRONG_EXPIRIES)) assertRefused(reads(other), code, label);
  for (const [label, other] of Object.entries(foreign)) assertRefused(reads(push(other)), 'expiry-malformed', label);
  assertRefused(reads(push(`${some[1]}00`)), 'expiry-malformed', 'a zero byte too many');
  assertRefused(reads(`4c${written}`), 'script-unknown', 'pushed the long way');
  assert.equal(must(reads(push(next[1]))).expiry, next[0], 'control');
}

function refusesKeys(world: World): void {
  const terms = scriptTerms(world);
  const { readRedeemScript } = world.contract;
  for (const own of [terms.payerKey, terms.payeeKey]) {
    const written = push(bytesToHex(own));
    const uncompressed = push(`04${'11'.repeat(64)}`);
    const offCurve = push(`02${'00'.repeat(31)}05`);
    const hybrid = push(`06${bytesToHex(own).slice(2)}`);
    for (const wrong of [uncompressed, offCurve, hybrid, push(bytesToHex(own).slice(2)), '51']) {
      assertRefused(readRedeemScript(withHex(world, terms, written, wrong)), 'key-invalid', wrong);
    }
    assertRefused(readRedeemScript(withHex(world, terms, written, `4c${written}`)), 'script-unknown', 'pushed the long way');
    const another = bytesToHex(world.key().publicKey);
    const read = must(readRedeemScript(withHex(world, terms, written, push(another))));
    assert.ok(
      [read.payerKey, read.payeeKey].some((key) => bytesToHex(key) === another),
      'control',
    );
  }
}

function refusesShapes(world: World): void {
  const terms = scriptTerms(world);
  const whole = world.contract.redeemScript(terms);
  const { readRedeemScript } = world.contract;
  for (const op of [OP.NOP, OP.DROP, OP.OP_1, 0]) {
    assertRefused(readRedeemScript(concatBytes(whole, Uint8Array.of(op))), 'script-unknown', `${op} behind`);
    assertRefused(readRedeemScript(concatBytes(Uint8Array.of(op), whole)), 'script-unknown', `${op} in front`);
  }
  for (let end = 0; end < whole.length; end++) assertRefused(readRedeemScript(whole.subarray(0, end)), 'script-unknown', `${end} bytes`);
  must(readRedeemScript(whole));
}

function refusesAnyOtherByte(world: World): void {
  const whole = world.contract.redeemScript(scriptTerms(world));
  let refused = 0;
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Uint8Array.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      const read = world.contract.readRedeemScript(bytes);
      if (isRefusal(read)) refused++;
      // What is read is another channel's script, and is written like that again.
      else assert.deepEqual(world.contract.redeemScript(read), bytes);
    }),
    { numRuns: 300 },
  );
  assert.ok(refused > 0);
}

function readsEveryExpiry(world: World): void {
  const { payerKey, payeeKey } = scriptTerms(world);
  const roundTrip = (expiry: number): void => {
    const terms = { payerKey, payeeKey, expiry: lockTime(expiry) };
    assert.deepEqual(world.contract.readRedeemScript(world.contract.redeemScript(terms)), terms);
  };
  const { edges, first, last } = expiriesOf(world);
  for (const edge of [first, ...edges, last]) roundTrip(edge);
  fc.assert(fc.property(fc.integer({ min: first, max: last }), roundTrip), { numRuns: 50 });
}

/** For contracts whose script says the expiry. */
export const expiryCases: readonly Case[] = [
  ['a script is read back for every expiry of its kind', readsEveryExpiry],
  ['expiries of another kind or not in their shortest form are refused', refusesExpiries],
];

export const scriptCases: readonly Case[] = [
  [
    'the redeem script is the one that is written out, to the byte, and has its size',
    (world) => {
      const terms = scriptTerms(world);
      const [payer, payee] = [bytesToHex(terms.payerKey), bytesToHex(terms.payeeKey)];
      const lock = terms.ageLock === undefined ? push(expiriesOf(world).some[1]) : push('e803');
      const spendHash = bytesToHex(terms.ageLock?.spendHash ?? new Uint8Array());
      assert.equal(bytesToHex(world.contract.redeemScript(terms)), world.subject.writtenOut(payer, payee, lock, spendHash));
      for (const [expiry, bytes] of expiriesOf(world).lengths) {
        const { length } = world.contract.redeemScript({ ...terms, expiry: lockTime(expiry) });
        assert.equal(length, world.subject.scriptSize + (world.contract.expiryIn === 'script' ? 1 + bytes : 0), String(expiry));
      }
    },
  ],
  ['scripts with more, with less or with something in front are refused', refusesShapes],
  ['keys that are not compressed points, or pushed in another way, are refused', refusesKeys],
  [
    'a key that is both sides is refused; swapped keys are other terms and another script',
    (world) => {
      const terms = scriptTerms(world);
      const { payerKey, payeeKey, ...locks } = terms;
      const { contract } = world;
      assertRefused(contract.readRedeemScript(contract.redeemScript({ payerKey, payeeKey: payerKey, ...locks })), 'key-repeated');
      const swapped = contract.redeemScript({ payerKey: payeeKey, payeeKey: payerKey, ...locks });
      assert.notDeepEqual(swapped, contract.redeemScript(terms));
      assert.deepEqual(contract.readRedeemScript(swapped), writtenIn(world, { payerKey: payeeKey, payeeKey: payerKey, ...locks }));
      assert.deepEqual(contract.readRedeemScript(contract.redeemScript(terms)), writtenIn(world, terms), 'control');
    },
  ],
  ['whatever byte is changed, what is read is written again as it was', refusesAnyOtherByte],
];
