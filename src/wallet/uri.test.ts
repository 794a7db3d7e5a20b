import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { amount } from '../core/base/amount.ts';
import { dogecoin, dogecoinRegtest } from '../core/coin/dogecoin.ts';
import { litecoin } from '../core/coin/litecoin.ts';
import { paymentUri, readPaymentUri } from './uri.ts';

const address = 'DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC';

test('a URI as people know it', () => {
  const request = { address, amount: amount(150_000_000n), label: 'Such Shop', message: 'wow & much=thanks?' };
  const uri = `dogecoin:${address}?amount=1.5&label=Such%20Shop&message=wow%20%26%20much%3Dthanks%3F`;
  assert.equal(paymentUri(dogecoin, request), uri);
  assert.deepEqual(readPaymentUri(dogecoin, uri), { kind: 'request', request });
  assert.equal(paymentUri(dogecoin, { address }), `dogecoin:${address}`);
  assert.deepEqual(readPaymentUri(dogecoin, `DOGECOIN:${address}?`), { kind: 'request', request: { address } });
});

test('every request survives the way there and back', () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, 10n ** 18n),
      fc.string({ unit: 'grapheme' }),
      fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
      (value, label, message) => {
        const request = { address, amount: amount(value), label, ...(message === undefined ? {} : { message }) };
        assert.deepEqual(readPaymentUri(dogecoin, paymentUri(dogecoin, request)), { kind: 'request', request });
      },
    ),
  );
});

test('a plus is a plus, and parameters nobody knows are passed over', () => {
  assert.deepEqual(readPaymentUri(dogecoin, `dogecoin:${address}?label=a+b&pj=https%3A%2F%2Fx&flag`), {
    kind: 'request',
    request: { address, label: 'a+b' },
  });
});

test('what can not be followed to the letter is refused', () => {
  const read = (rest: string) => readPaymentUri(dogecoin, `dogecoin:${address}${rest}`);
  assert.equal(read('').kind, 'request');
  for (const wrong of ['1.123456789', '-1', '1e3', '1,5', '', '.', '..5', '5..', '-.5', '.5.', '10000000001']) {
    assert.deepEqual(read(`?amount=${wrong}`), { kind: 'amount' }, wrong);
  }
  assert.deepEqual(read('?req-expires=1'), { kind: 'required', parameter: 'req-expires' });
  assert.deepEqual(read('?amount=1&amount=2'), { kind: 'repeated', parameter: 'amount' });
  assert.deepEqual(read('?label=%ff'), { kind: 'malformed' });
  assert.deepEqual(readPaymentUri(dogecoin, address), { kind: 'not-a-uri' });
  assert.deepEqual(readPaymentUri(litecoin, `dogecoin:${address}`), { kind: 'wrong-coin' });
  assert.deepEqual(readPaymentUri(dogecoin, `dogecoin:${address.replace('D', 'E')}`), { kind: 'address' });
  assert.deepEqual(readPaymentUri(dogecoinRegtest, `dogecoin:${address}`), { kind: 'address' });
  assert.throws(() => paymentUri(dogecoinRegtest, { address }), TypeError);
});
