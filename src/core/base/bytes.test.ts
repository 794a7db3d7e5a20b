import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesToHex, channelId, equalBytes, isChannelId, isTxId, parseHex, txId } from './bytes.ts';

const HASH = '0123456789abcdef'.repeat(4);

test('bytes are written as hex and read back, in either case', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const hex = bytesToHex(bytes);
      assert.deepEqual(parseHex(hex), bytes);
      assert.deepEqual(parseHex(hex.toUpperCase()), bytes);
    }),
  );
});

test('what is not whole bytes of hex is not read', () => {
  assert.deepEqual(parseHex(''), new Uint8Array());
  assert.deepEqual(parseHex('00ff'), Uint8Array.of(0, 255));
  for (const text of ['0', '0g', '0x00', ' 00', '00 ', '00\n', '0\n', 'é0']) assert.equal(parseHex(text), undefined, text);
});

test('ids are 64 lowercase hex digits', () => {
  assert.equal(txId(HASH), HASH);
  assert.equal(channelId(HASH), HASH);
  for (const text of ['', HASH.slice(1), `${HASH}0`, HASH.toUpperCase(), `${HASH.slice(1)}g`, `${HASH}\n`]) {
    assert.ok(!isTxId(text) && !isChannelId(text), text);
    assert.throws(() => txId(text), TypeError);
    assert.throws(() => channelId(text), TypeError);
  }
});

test('bytes are equal when length and every byte are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), (bytes, position) => {
      const other = bytes.slice();
      assert.ok(equalBytes(bytes, other));
      const at = position % bytes.length;
      other[at] = (other[at] ?? 0) ^ 1;
      assert.ok(!equalBytes(bytes, other));
      assert.ok(!equalBytes(bytes, bytes.subarray(1)));
    }),
  );
  assert.ok(equalBytes(new Uint8Array(), new Uint8Array()));
});
