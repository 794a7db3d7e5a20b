import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { hash160, OP, operationAt, p2pkh, p2sh, readScript, script, withoutCodeSeparators } from './script.ts';

/** Minimal script numbers (BIP62): sixteen have an opcode, the others the shortest little-endian form with a free sign bit. */
const NUMBERS: readonly (readonly [number, string])[] = [
  [0, '00'],
  [1, '51'],
  [16, '60'],
  [17, '0111'],
  [127, '017f'],
  [128, '028000'],
  [255, '02ff00'],
  [256, '020001'],
  [32_767, '02ff7f'],
  [32_768, '03008000'],
  [8_388_607, '03ffff7f'],
  [8_388_608, '0400008000'],
  [499_999_999, '04ff64cd1d'],
  [500_000_000, '040065cd1d'],
  [2_147_483_647, '04ffffff7f'],
];

test('numbers are written in their shortest form', () => {
  for (const [number, hex] of NUMBERS) assert.equal(bytesToHex(script(number)), hex, String(number));
});

test('pushes are written in their shortest form', () => {
  const of = (length: number): string => bytesToHex(script(new Uint8Array(length).fill(0xaa)).subarray(0, 4));
  assert.deepEqual([of(2), of(75), of(76), of(255), of(256)], ['02aaaa', '4baaaaaa', '4c4caaaa', '4cffaaaa', '4d0001aa']);
});

test('what runs past the end is no script', () => {
  assert.deepEqual(readScript(hexToBytes('51')), [1]);
  for (const hex of ['02aa', '4c', '4c02aa', '4d0100', '4effffffff']) assert.equal(readScript(hexToBytes(hex)), undefined, hex);
});

test('bytes of a stranger are read or not, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      readScript(bytes);
      withoutCodeSeparators(bytes);
      let offset = 0;
      for (let op = operationAt(bytes, offset); op !== undefined; op = operationAt(bytes, offset)) {
        assert.ok(op.end > offset && op.end <= bytes.length);
        offset = op.end;
      }
    }),
  );
});

test('code separators go, those inside pushes stay', () => {
  const separator = OP.CODESEPARATOR;
  const bytes = Uint8Array.of(separator, OP.DUP, 1, separator, separator, OP.DROP, separator);
  assert.deepEqual(withoutCodeSeparators(bytes), Uint8Array.of(OP.DUP, 1, separator, OP.DROP));
  const none = Uint8Array.of(1, separator, OP.DROP);
  assert.deepEqual(withoutCodeSeparators(none), none);
  // Behind a push that is cut off nothing is an operation any more (`FindAndDelete`).
  const cut = Uint8Array.of(separator, 5, separator);
  assert.deepEqual(withoutCodeSeparators(cut), Uint8Array.of(5, separator));
});

test('output scripts of keys and of scripts', () => {
  // BIP173's and every node's generator point.
  const key = hexToBytes('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
  assert.equal(bytesToHex(hash160(key)), '751e76e8199196d454941c45d1b3a323f1433bd6');
  assert.equal(bytesToHex(p2pkh(key)), '76a914751e76e8199196d454941c45d1b3a323f1433bd688ac');
  assert.equal(bytesToHex(p2sh(key)), 'a914751e76e8199196d454941c45d1b3a323f1433bd687');
});
