import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatAmount, isAmount } from '../core/base/amount.ts';
import { amountOf, integerOf, JsonNumber, parseJson } from './json-number.ts';

const amountIn = (text: string): bigint | undefined => amountOf(new JsonNumber(text));

describe('numbers of JSON', () => {
  test('keep the text they were written in', () => {
    assert.deepEqual(parseJson('{"a":[90071993.12345679,1e-8,-1],"b":"1.0","c":null}'), {
      a: [new JsonNumber('90071993.12345679'), new JsonNumber('1e-8'), new JsonNumber('-1')],
      b: '1.0',
      c: null,
    });
  });

  test('text that is no JSON is a SyntaxError', () => {
    assert.throws(() => parseJson('<html>'), SyntaxError);
  });

  test('are amounts exactly, in every notation nodes and proxies use', () => {
    for (const [text, units] of [
      ['0', 0n],
      ['0.00000000', 0n],
      ['0e5', 0n],
      ['1', 100_000_000n],
      ['1.5', 150_000_000n],
      ['90071993.12345679', 9_007_199_312_345_679n],
      ['10000000000.00000000', 1_000_000_000_000_000_000n],
      ['1e-8', 1n],
      ['1E-08', 1n],
      ['1.00000000000', 100_000_000n],
      ['123e-10', undefined],
      ['1.2345e3', 123_450_000_000n],
      ['1e10', 1_000_000_000_000_000_000n],
      ['1e+2', 10_000_000_000n],
      ['100e-2', 100_000_000n],
      ['0.1e-7', 1n],
    ] as const) {
      assert.equal(amountIn(text), units, text);
    }
  });

  test('that are negative, finer than a unit, too large or no numbers are no amounts', () => {
    const wrong = [
      '-1',
      '-0.00000001',
      '0.000000001',
      '1e-9',
      '10000000000.00000001',
      '1e11',
      '1e999',
      '1e9999999',
      '',
      '.5',
      '1.',
      '0x1',
      'NaN',
    ];
    for (const text of wrong) assert.equal(amountIn(text), undefined, text);
  });

  test('any amount survives any placing of its point', () => {
    const units = fc.bigInt({ min: 0n, max: 1_000_000_000_000_000_000n });
    fc.assert(
      fc.property(units, fc.integer({ min: -30, max: 30 }), (value, shift) => {
        assert(isAmount(value));
        assert.equal(amountIn(formatAmount(value)), value);
        assert.equal(amountIn(`${value}e-8`), value);
        const zeros = '0'.repeat(Math.abs(shift));
        const shifted = shift >= 0 ? `${value}${zeros}e${-8 - shift}` : `0.${zeros}${String(value).padStart(20, '0')}e${12 - shift}`;
        assert.equal(amountIn(shifted), value);
      }),
    );
  });

  test('are whole only when written so and held exactly', () => {
    for (const [text, value] of [
      ['0', 0],
      ['-1', -1],
      ['4294967295', 4_294_967_295],
      ['9007199254740993', undefined],
      ['1.0', undefined],
      ['1e3', undefined],
    ] as const) {
      assert.equal(integerOf(new JsonNumber(text)), value, text);
    }
  });
});
