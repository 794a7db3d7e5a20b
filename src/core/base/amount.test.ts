import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  add,
  amount,
  feeFor,
  formatAmount,
  greatest,
  isAmount,
  least,
  MAX_AMOUNT,
  parseAmount,
  parseUnits,
  subtract,
  ZERO,
} from './amount.ts';

const amounts = fc.bigInt(0n, MAX_AMOUNT).map(amount);
/** The first whole number that a JavaScript number can't tell from its neighbour. */
const TOO_FINE_FOR_NUMBERS = 2n ** 53n + 1n;

test('every amount is written and read back, as coins and as units', () => {
  fc.assert(
    fc.property(amounts, (value) => {
      assert.equal(parseAmount(formatAmount(value)), value);
      assert.equal(parseUnits(String(value)), value);
    }),
  );
});

test('coins are written with no more decimals than are needed', () => {
  fc.assert(fc.property(amounts, (value) => assert.match(formatAmount(value), /^(0|[1-9][0-9]*)(\.[0-9]{0,7}[1-9])?$/)));
  assert.equal(formatAmount(amount(150_000_000n)), '1.5');
  assert.equal(formatAmount(amount(1n)), '0.00000001');
  assert.equal(formatAmount(ZERO), '0');
  assert.equal(formatAmount(MAX_AMOUNT), '10000000000');
});

test('amounts beyond 2^53 keep their last unit', () => {
  const value = amount(TOO_FINE_FOR_NUMBERS);
  assert.equal(formatAmount(value), '90071992.54740993');
  assert.equal(parseAmount('90071992.54740993'), TOO_FINE_FOR_NUMBERS);
  assert.equal(parseUnits('9007199254740993'), TOO_FINE_FOR_NUMBERS);
  assert.equal(subtract(value, amount(1n)), 2n ** 53n);
  assert.equal(add(amount(2n ** 53n), amount(1n)), TOO_FINE_FOR_NUMBERS);
});

test('more than eight decimals are refused, not rounded', () => {
  assert.equal(parseAmount('0.12345678'), 12_345_678n);
  assert.equal(parseAmount('0.123456780'), undefined);
  assert.equal(parseAmount('1.000000000'), undefined);
});

test('what is no plain decimal number is no amount', () => {
  assert.equal(parseAmount('1'), 100_000_000n);
  for (const text of ['', '.5', '1.', '-1', '+1', ' 1', '1 ', '1\n', '1e8', '0x1', '1,5', '1_000', 'NaN', '١']) {
    assert.equal(parseAmount(text), undefined, text);
  }
  assert.equal(parseUnits('100000000'), 100_000_000n);
  for (const text of ['', '-1', '01', '1.0', ' 1', '1\n', '1e8', '0x1', '1n']) assert.equal(parseUnits(text), undefined, text);
});

test('the range is 0 … 10^18', () => {
  assert.equal(parseAmount('10000000000'), MAX_AMOUNT);
  assert.equal(parseAmount('10000000000.00000001'), undefined);
  assert.equal(parseAmount('99999999999'), undefined);
  assert.equal(parseUnits('1000000000000000000'), MAX_AMOUNT);
  assert.equal(parseUnits('1000000000000000001'), undefined);
  assert.ok(isAmount(0n) && isAmount(MAX_AMOUNT));
  assert.ok(!isAmount(-1n) && !isAmount(MAX_AMOUNT + 1n));
  assert.throws(() => amount(-1n), RangeError);
  assert.throws(() => amount(MAX_AMOUNT + 1n), RangeError);
});

test('sums and differences outside the range are bugs', () => {
  assert.equal(add(), ZERO);
  assert.equal(subtract(MAX_AMOUNT, MAX_AMOUNT), ZERO);
  assert.throws(() => add(MAX_AMOUNT, amount(1n)), RangeError);
  assert.throws(() => subtract(ZERO, amount(1n)), RangeError);
  fc.assert(
    fc.property(amounts, amounts, (a, b) => {
      assert.deepEqual([least(a, b), greatest(a, b)], a < b ? [a, b] : [b, a]);
      assert.equal(subtract(greatest(a, b), least(a, b)), a < b ? b - a : a - b);
    }),
  );
});

test('a fee is rounded up to a whole unit, and by less than one', () => {
  assert.equal(feeFor(1, amount(1n)), 1n);
  assert.equal(feeFor(1000, amount(1n)), 1n);
  assert.equal(feeFor(1001, amount(1n)), 2n);
  assert.equal(feeFor(0, amount(1_000_000n)), 0n);
  assert.equal(feeFor(226, amount(1_000_000n)), 226_000n);
  fc.assert(
    fc.property(fc.nat(100_000), fc.bigInt(0n, 10n ** 10n).map(amount), (size, rate) => {
      const excess = feeFor(size, rate) * 1000n - BigInt(size) * rate;
      assert.ok(excess >= 0n && excess < 1000n);
    }),
  );
});
