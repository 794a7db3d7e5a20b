import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { amount, MAX_AMOUNT } from '../base/amount.ts';
import { concatBytes } from '../base/bytes.ts';
import { Malformed } from '../base/reader.ts';
import { ByteReader, uint8, uint32, uint64 } from './byte-reader.ts';

const bytes = fc.uint8Array({ maxLength: 40 });

test('fields are read back in the order in which they were written', () => {
  fc.assert(
    fc.property(fc.nat(0xff), fc.nat(0xffff_ffff), fc.bigInt(0n, MAX_AMOUNT).map(amount), bytes, (byte, word, value, rest) => {
      const reader = new ByteReader(concatBytes(uint8(byte), uint32(word), uint64(value), rest));
      assert.deepEqual([reader.uint8(), reader.uint32(), reader.amount(), reader.bytes(rest.length)], [byte, word, value, rest]);
      reader.end();
    }),
  );
});

test('integers are big-endian', () => {
  assert.deepEqual(uint32(0x0102_0304), Uint8Array.of(1, 2, 3, 4));
  assert.deepEqual(uint64(0x0102_0304_0506_0708n), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
});

test('every read past the end is malformed, and leaves the reader where it was', () => {
  const reads: readonly [number, (reader: ByteReader) => unknown][] = [
    [1, (reader) => reader.uint8()],
    [4, (reader) => reader.uint32()],
    [8, (reader) => reader.amount()],
    [9, (reader) => reader.bytes(9)],
  ];
  for (const [length, read] of reads) {
    assert.doesNotThrow(() => read(new ByteReader(new Uint8Array(length))));
    const short = new ByteReader(new Uint8Array(length - 1));
    assert.throws(() => read(short), Malformed);
    assert.equal(short.bytes(length - 1).length, length - 1);
  }
});

test('bytes behind the end are malformed', () => {
  const reader = new ByteReader(Uint8Array.of(1, 2));
  reader.uint8();
  assert.throws(() => reader.end(), Malformed);
  reader.uint8();
  assert.doesNotThrow(() => reader.end());
});

test('an amount above 10^18 is malformed', () => {
  assert.equal(new ByteReader(uint64(MAX_AMOUNT)).amount(), MAX_AMOUNT);
  for (const value of [MAX_AMOUNT + 1n, 2n ** 63n, 2n ** 64n - 1n]) assert.throws(() => new ByteReader(uint64(value)).amount(), Malformed);
});

test('a part of a larger buffer is read from its own beginning to its own end', () => {
  const reader = new ByteReader(Uint8Array.of(9, 9, 1, 0, 0, 0, 2, 9, 9).subarray(2, 7));
  assert.equal(reader.uint8(), 1);
  assert.equal(reader.uint32(), 2);
  assert.doesNotThrow(() => reader.end());
  assert.throws(() => reader.uint8(), Malformed);
});

test('what was read stays as it is when the buffer is used again', () => {
  const buffer = Uint8Array.of(1, 2);
  const read = new ByteReader(buffer).bytes(2);
  buffer.fill(0);
  assert.deepEqual(read, Uint8Array.of(1, 2));
});

test('malformed says why, with a code of its own where there is one', () => {
  assert.equal(new Malformed('reason').code, 'message-malformed');
  assert.equal(new Malformed('reason', 'signature-high-s').code, 'signature-high-s');
});
