import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { arc4 } from './arc4.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

test('the stream is RC4’s, as published for these keys', () => {
  for (const [key, text, expected] of [
    ['Key', 'Plaintext', 'bbf316e8d940af0ad3'],
    ['Wiki', 'pedia', '1021bf0420'],
    ['Secret', 'Attack at dawn', '45a01f645fc35b383552544b9bf5'],
  ] as const) {
    assert.equal(bytesToHex(arc4(utf8(key), utf8(text))), expected);
  }
  // RFC 6229: keys of 40, 128 and 256 bits, the first 16 bytes of the stream.
  for (const [key, expected] of [
    ['0102030405', 'b2396305f03dc027ccc3524a0a1118a8'],
    ['0102030405060708090a0b0c0d0e0f10', '9ac7cc9a609d1ef7b2932899cde41b97'],
    ['0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', 'eaa6bd25880bf93d3f5d1e4ca2611d91'],
  ] as const) {
    assert.equal(bytesToHex(arc4(hexToBytes(key), new Uint8Array(16))), expected);
  }
});

test('what went through twice is as it was, however long, and the input stays', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 256 }), fc.uint8Array({ maxLength: 1_000 }), (key, data) => {
      const before = data.slice();
      assert.deepEqual(arc4(key, arc4(key, data)), before);
      assert.deepEqual(data, before);
    }),
  );
  assert.throws(() => arc4(new Uint8Array(), new Uint8Array(1)), RangeError);
  assert.throws(() => arc4(new Uint8Array(257), new Uint8Array(1)), RangeError);
});
