import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleOffer, sampleTerms } from '../../../test/world/sample.ts';
import { type Amount, amount } from '../base/amount.ts';
import { height } from '../base/height.ts';
import { coins } from '../coin/registry.ts';
import { contracts } from '../contract/registry.ts';
import { type OfferedTerms, offerDigest } from './message.ts';

const { kind: _, payeeKey: __, ...offered } = sampleOffer(sampleTerms());
const one: Amount = amount(1n);

test('every term of an offer is in its digest, and the key is not', () => {
  const others: readonly Partial<OfferedTerms>[] = [
    {},
    ...coins.filter(({ id }) => id !== offered.coin.id).map((coin) => ({ coin })),
    ...contracts.filter(({ id }) => id !== offered.contract.id).map((contract) => ({ contract })),
    { signing: { kind: 'flexible', slot: 1 } },
    { signing: { kind: 'fixed', fee: amount(0n) } },
    { signing: { kind: 'fixed', fee: one } },
    { closingMargin: offered.closingMargin + 1 },
    { payeeScript: offered.payeeScript.subarray(1) },
    { minDeposit: one },
    { maxDeposit: one },
    { minExpiry: height(1) },
    { maxExpiry: height(1) },
    { depth: [] },
    { depth: [{ upTo: one, blocks: 3 }] },
    { depth: [{ upTo: one, blocks: 4 }] },
    { depth: [...offered.depth, ...offered.depth] },
    { nonce: new Uint8Array(16) },
  ];
  const digests = others.map((other) => offerDigest({ ...offered, ...other }));
  assert.equal(new Set(digests).size, others.length);
  assert.equal(offerDigest(sampleOffer(sampleTerms())), digests[0]);
});

test('a value that moves from one term to the next changes the digest', () => {
  const digest = (minDeposit: bigint, maxDeposit: bigint): string =>
    offerDigest({ ...offered, minDeposit: amount(minDeposit), maxDeposit: amount(maxDeposit) });
  assert.equal(new Set([digest(1n, 23n), digest(12n, 3n), digest(23n, 1n), digest(123n, 0n)]).size, 4);
});
