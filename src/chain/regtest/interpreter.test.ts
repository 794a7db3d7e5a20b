import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sign, testKey, withHighS } from '../../../test/regtest/world.ts';
import { concatBytes, hexToBytes, txId } from '../../core/base/bytes.ts';
import { p2pkh, p2sh, script } from '../../core/tx/script.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { checkerFor, noTransaction } from './checker.ts';
import { evaluate, verifyScript } from './interpreter.ts';
import { FLAG, NO_FLAGS, parseFlags } from './script-flags.ts';
import { readNumber, writeNumber } from './script-number.ts';
import { countP2shSigOps, countSigOps, findAndDelete, isPushOnly, pushOf } from './script-shape.ts';

const KEY = testKey(0).publicKey;
const tx: Transaction = {
  version: 2,
  inputs: [{ outpoint: { txid: txId('11'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0 }],
  outputs: [{ value: 1n, script: p2pkh(KEY) }],
  lockTime: 0,
};

describe('what the vectors leave out', () => {
  const program20 = script('OP_0', new Uint8Array(20).fill(1));
  const program32 = script('OP_0', new Uint8Array(32).fill(1));
  const later = script('OP_1', new Uint8Array(32).fill(1));
  const rows: readonly (readonly [string, Uint8Array, Uint8Array, number, string | undefined])[] = [
    ['a key hash program has no witness', new Uint8Array(), program20, FLAG.WITNESS, 'WITNESS_PROGRAM_MISMATCH'],
    ['a script hash program has no witness', new Uint8Array(), program32, FLAG.WITNESS, 'WITNESS_PROGRAM_WITNESS_EMPTY'],
    ['without the rule anyone spends it', new Uint8Array(), program20, NO_FLAGS, undefined],
    ['a program of odd length', new Uint8Array(), script('OP_0', new Uint8Array(5).fill(1)), FLAG.WITNESS, 'WITNESS_PROGRAM_WRONG_LENGTH'],
    ['an input script beside a program', script('OP_1'), program20, FLAG.WITNESS, 'WITNESS_MALLEATED'],
    ['a program inside P2SH', script(program32), p2sh(program32), FLAG.P2SH | FLAG.WITNESS, 'WITNESS_PROGRAM_WITNESS_EMPTY'],
    ['a program inside P2SH, and more', script('OP_1', program32), p2sh(program32), FLAG.P2SH | FLAG.WITNESS, 'WITNESS_MALLEATED_P2SH'],
    ['a later version', new Uint8Array(), later, FLAG.WITNESS, undefined],
    [
      'a later version, discouraged',
      new Uint8Array(),
      later,
      FLAG.WITNESS | FLAG.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM,
      'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM',
    ],
    ['a code separator, as Litecoin relays', new Uint8Array(), script('CODESEPARATOR', 'OP_1'), FLAG.CONST_SCRIPTCODE, 'OP_CODESEPARATOR'],
    ['a code separator', new Uint8Array(), script('CODESEPARATOR', 'OP_1'), NO_FLAGS, undefined],
  ];
  for (const [name, input, output, flags, expected] of rows) {
    test(name, () => assert.equal(verifyScript(input, output, flags, checkerFor(tx, 0)), expected));
  }

  test('a signature inside the script it signs is deleted from it, and not relayed on Litecoin', () => {
    const code = script(KEY, 'CHECKSIG');
    const signature = sign(tx, 0, code);
    const holding = concatBytes(pushOf(signature), script('DROP'), code);
    const signed = sign(tx, 0, concatBytes(script('DROP'), code));
    const withOwn = (own: Uint8Array): Uint8Array => concatBytes(pushOf(own), script('DROP'), code);
    assert.equal(verifyScript(script(signed), withOwn(signed), NO_FLAGS, checkerFor(tx, 0)), undefined);
    assert.equal(verifyScript(script(signature), holding, NO_FLAGS, checkerFor(tx, 0)), 'EVAL_FALSE');
    assert.equal(verifyScript(script(signed), withOwn(signed), FLAG.CONST_SCRIPTCODE, checkerFor(tx, 0)), 'SIG_FINDANDDELETE');
  });

  test('a high s verifies where nothing forbids it', () => {
    const code = p2pkh(KEY);
    const high = withHighS(sign(tx, 0, code));
    assert.equal(verifyScript(script(high, KEY), code, NO_FLAGS, checkerFor(tx, 0)), undefined);
    assert.equal(verifyScript(script(high, KEY), code, FLAG.LOW_S, checkerFor(tx, 0)), 'SIG_HIGH_S');
    const broken = concatBytes(high.subarray(0, -3), Uint8Array.of(1, 2), high.subarray(-1));
    assert.equal(verifyScript(script(broken, KEY), code, NO_FLAGS, checkerFor(tx, 0)), 'EVAL_FALSE');
  });

  test('outside a transaction nothing verifies and no lock is met', () => {
    assert.equal(evaluate([], script('OP_1', 'OP_1', 'CHECKSIGVERIFY'), NO_FLAGS, noTransaction), 'CHECKSIGVERIFY');
    assert.equal(evaluate([], script('OP_1', 'CHECKLOCKTIMEVERIFY'), FLAG.CHECKLOCKTIMEVERIFY, noTransaction), 'UNSATISFIED_LOCKTIME');
    assert.equal(evaluate([], script('OP_1'), NO_FLAGS, noTransaction), undefined);
  });
});

describe('script numbers', () => {
  test('write the shortest form and read it back', () => {
    for (const [value, hex] of [
      [0, ''],
      [1, '01'],
      [-1, '81'],
      [127, '7f'],
      [128, '8000'],
      [-128, '8080'],
      [255, 'ff00'],
      [256, '0001'],
      [-32_768, '008080'],
      [2 ** 31 - 1, 'ffffff7f'],
      [2 ** 32 - 1, 'ffffffff00'],
    ] as const) {
      assert.deepEqual(writeNumber(value), hexToBytes(hex));
      assert.equal(readNumber(hexToBytes(hex), true, 5), value);
    }
  });

  test('a longer form is read, but not where minimal is asked for', () => {
    assert.equal(readNumber(hexToBytes('0100'), false), 1);
    assert.throws(() => readNumber(hexToBytes('0100'), true));
    assert.throws(() => readNumber(hexToBytes('80'), true));
    assert.equal(readNumber(hexToBytes('80'), false), 0);
    assert.throws(() => readNumber(hexToBytes('0000000001'), false));
    assert.equal(readNumber(hexToBytes('0000000001'), false, 5), 2 ** 32);
  });
});

describe('counting and cutting', () => {
  test('signature operations', () => {
    const multi = script('OP_2', KEY, KEY, KEY, 'OP_3', 'CHECKMULTISIG');
    assert.equal(countSigOps(multi, false), 20);
    assert.equal(countSigOps(multi, true), 3);
    assert.equal(countSigOps(script('CHECKSIG', 'CHECKSIGVERIFY', 'CHECKMULTISIGVERIFY'), true), 22);
    assert.equal(countP2shSigOps(p2sh(multi), script('OP_0', multi)), 3);
    assert.equal(countP2shSigOps(p2sh(multi), script('NOP', multi)), 0);
    assert.equal(countP2shSigOps(p2pkh(KEY), script('OP_0', multi)), 0);
  });

  test('FindAndDelete takes what starts at an operation, again and again, and nothing inside a push', () => {
    const cut = (text: string, needle: string): Uint8Array => findAndDelete(hexToBytes(text), hexToBytes(needle));
    assert.deepEqual(cut('0302ff03', '0302ff03'), hexToBytes(''));
    assert.deepEqual(cut('0302ff030302ff03', '0302ff03'), hexToBytes(''));
    assert.deepEqual(cut('0302ff030302ff03', '02'), hexToBytes('0302ff030302ff03'));
    assert.deepEqual(cut('0302ff030302ff03', 'ff'), hexToBytes('0302ff030302ff03'));
    assert.deepEqual(cut('0302ff030302ff03', '03'), hexToBytes('02ff0302ff03'));
    assert.deepEqual(cut('0003feed', '03feed'), hexToBytes('00'));
    assert.deepEqual(cut('0003feed', '00'), hexToBytes('03feed'));
    assert.deepEqual(cut('51', ''), hexToBytes('51'));
  });

  test('pushes only', () => {
    assert.equal(isPushOnly(hexToBytes('00516001ff50')), true);
    assert.equal(isPushOnly(hexToBytes('61')), false);
    assert.equal(isPushOnly(hexToBytes('02ff')), false);
  });

  test('flags by name', () => {
    assert.equal(parseFlags('P2SH,STRICTENC'), FLAG.P2SH | FLAG.STRICTENC);
    assert.equal(parseFlags(''), NO_FLAGS);
    assert.equal(parseFlags('NONE'), NO_FLAGS);
    assert.equal(parseFlags('P2SH,NONSENSE'), undefined);
  });
});
