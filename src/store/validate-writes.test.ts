import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareIds } from './validate-writes.ts';

test('ids are ordered as their UTF-8 bytes are', () => {
  const near = fc.constantFrom('', 'a', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}');
  const id = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(near, { maxLength: 4 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(id, id, (a, b) => {
      assert.equal(Math.sign(compareIds(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 2_000 },
  );
});
