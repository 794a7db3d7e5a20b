import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleTerms } from '../../../test/world/sample.ts';
import { hash160, p2sh } from '../tx/script.ts';
import { commitScript, heldOutputs } from './commit-output.ts';
import type { RevocationHash } from './contract.ts';
import { revocable } from './revocable.ts';

test('the scripts of all revoked hashes are made once, however often and at however many outputs is looked', () => {
  const terms = sampleTerms({ contract: revocable });
  const hashes = Array.from({ length: 300 }, (_, i) => hash160(Uint8Array.of(i % 256, i >> 8)));
  let made = 0;
  const outputs = heldOutputs((of, hash) => {
    made++;
    return commitScript(of, hash);
  });
  const scriptOf = (hash: RevocationHash): Uint8Array => p2sh(commitScript(terms, hash));
  const [first, last] = [hashes[0] ?? assert.fail(), hashes[299] ?? assert.fail()];
  const foreign = hash160(Uint8Array.of(9, 9));
  const scripts = [scriptOf(first), scriptOf(foreign), scriptOf(last)];
  const close = { version: 1, inputs: [], outputs: scripts.map((script) => ({ value: 5n, script })), lockTime: 0 };
  for (let look = 0; look < 3; look++) {
    const found = outputs(terms, close, hashes);
    assert.deepEqual(
      found.map(({ outpoint, hash }) => [outpoint.vout, hash]),
      [
        [0, first],
        [2, last],
      ],
    );
  }
  assert.equal(made, hashes.length);
  assert.equal(outputs(terms, close, [last]).length, 1, 'other hashes');
  assert.equal(outputs({ ...terms }, close, hashes).length, 2, 'the same terms, read again');
  assert.equal(outputs({ ...terms, payeeKey: terms.payerKey }, close, hashes).length, 0, 'other terms');
});
