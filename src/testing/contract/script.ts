import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bytesToHex, concatBytes, hexToBytes } from '../../core/base/bytes.ts';
import { height, LOCK_TIME_THRESHOLD } from '../../core/base/height.ts';
import { isRefusal, type RefusalCode } from '../../core/base/refusal.ts';
import type { ScriptTerms } from '../../core/contract/contract.ts';
import { OP } from '../../core/tx/script.ts';
import { assertRefused, must } from '../sample.ts';
import type { Case, World } from './world.ts';

/** 100,000 as a script number of three bytes. */
const EXPIRY_HEX = 'a08601';

function scriptTerms(world: World, expiry = 100_000): ScriptTerms {
  return { payerKey: world.key().publicKey, payeeKey: world.key().publicKey, expiry: height(expiry) };
}

/** The script of `terms` with other bytes in the place of some, wherever they stand. */
function withHex(world: World, terms: ScriptTerms, from: string, to: string): Uint8Array {
  const hex = bytesToHex(world.contract.redeemScript(terms));
  assert.ok(hex.includes(from), from);
  return hexToBytes(hex.replaceAll(from, to));
}

const push = (hex: string): string => `${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`;

/** Expiries as scripts must not write them. Beside each, in the same place, 100,000 is read. */
const WRONG_EXPIRIES: Readonly<Record<string, readonly [string, RefusalCode]>> = {
  'a zero byte too many': [push('a0860100'), 'expiry-malformed'],
  'a small number pushed': [push('05'), 'expiry-malformed'],
  'sixteen pushed': [push('10'), 'expiry-malformed'],
  'zero pushed': [push('00'), 'expiry-malformed'],
  'negative zero': [push('80'), 'expiry-malformed'],
  negative: [push('a08681'), 'expiry-malformed'],
  'minus one as an opcode': ['4f', 'expiry-malformed'],
  'an opcode': ['61', 'expiry-malformed'],
  'the first time': [push('0065cd1d'), 'expiry-malformed'],
  'a time of today': [push('00e2f565'), 'expiry-malformed'],
  'more than 32 bits': [push('0000000001'), 'expiry-malformed'],
  'six bytes': [push('000000000001'), 'expiry-malformed'],
  'pushed the long way': ['4c03a08601', 'script-unknown'],
};

function refusesExpiries(world: World): void {
  const terms = scriptTerms(world);
  for (const [label, [written, code]] of Object.entries(WRONG_EXPIRIES)) {
    assertRefused(world.contract.readRedeemScript(withHex(world, terms, push(EXPIRY_HEX), written)), code, label);
  }
  const other = must(world.contract.readRedeemScript(withHex(world, terms, push(EXPIRY_HEX), push('a18601'))));
  assert.equal(other.expiry, 100_001, 'control');
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

function readsEveryHeight(world: World): void {
  const { payerKey, payeeKey } = scriptTerms(world);
  const roundTrip = (expiry: number): void => {
    const terms = { payerKey, payeeKey, expiry: height(expiry) };
    assert.deepEqual(world.contract.readRedeemScript(world.contract.redeemScript(terms)), terms);
  };
  for (const edge of [0, 1, 16, 17, 127, 128, 255, 256, 32_767, 32_768, 8_388_607, 8_388_608, LOCK_TIME_THRESHOLD - 1]) roundTrip(edge);
  fc.assert(fc.property(fc.nat(LOCK_TIME_THRESHOLD - 1), roundTrip), { numRuns: 50 });
}

export const scriptCases: readonly Case[] = [
  [
    'the redeem script is the one that is written out, to the byte, and has its size',
    (world) => {
      const terms = scriptTerms(world);
      const [payer, payee] = [bytesToHex(terms.payerKey), bytesToHex(terms.payeeKey)];
      assert.equal(bytesToHex(world.contract.redeemScript(terms)), world.subject.writtenOut(payer, payee, EXPIRY_HEX));
      for (const [expiry, more] of [
        [32_767, -1],
        [32_768, 0],
        [8_388_607, 0],
        [8_388_608, 1],
      ] as const) {
        const { length } = world.contract.redeemScript({ ...terms, expiry: height(expiry) });
        assert.equal(length, world.subject.scriptSize + more, String(expiry));
      }
    },
  ],
  ['a script is read back for every height', readsEveryHeight],
  ['scripts with more, with less or with something in front are refused', refusesShapes],
  ['keys that are not compressed points, or pushed in another way, are refused', refusesKeys],
  ['expiries that are no heights or not in their shortest form are refused', refusesExpiries],
  [
    'a key that is both sides is refused; swapped keys are other terms and another script',
    (world) => {
      const terms = scriptTerms(world);
      const { payerKey, payeeKey, expiry } = terms;
      const { contract } = world;
      assertRefused(contract.readRedeemScript(contract.redeemScript({ payerKey, payeeKey: payerKey, expiry })), 'key-repeated');
      const swapped = contract.redeemScript({ payerKey: payeeKey, payeeKey: payerKey, expiry });
      assert.notDeepEqual(swapped, contract.redeemScript(terms));
      assert.deepEqual(contract.readRedeemScript(swapped), { payerKey: payeeKey, payeeKey: payerKey, expiry });
      assert.deepEqual(contract.readRedeemScript(contract.redeemScript(terms)), terms, 'control');
    },
  ],
  ['whatever byte is changed, what is read is written again as it was', refusesAnyOtherByte],
];
