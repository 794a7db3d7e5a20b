import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuse } from '../../core/base/refusal.ts';
import { factsLine } from './refusal-facts.ts';

test('amounts in a refusal are whole coins with their unit', () => {
  const rows = [
    [refuse('total-above-capacity', { total: 6_000_000_000n, most: 5_000_000_000n }), 'total: 60 DOGE, most: 50 DOGE'],
    [refuse('deposit-too-small', { deposits: 100_000_000n, least: 203_000_000n }), 'deposits: 1 DOGE, least: 2.03 DOGE'],
    [refuse('refund-unsigned', { deposits: 2, value: 5n }), 'deposits: 2, value: 0.00000005 DOGE'],
    [refuse('offer-excessive', { term: 'minDeposit', asked: 10n ** 8n, most: 0n }), 'term: minDeposit, asked: 1 DOGE, most: 0 DOGE'],
  ] as const;
  for (const [refusal, line] of rows) assert.equal(factsLine(refusal, 'DOGE'), line);
});

test('counts of blocks, bytes and deposits stay as they are, and so does what a stranger wrote in place of an amount', () => {
  const rows = [
    [refuse('expiry-too-far', { expiry: 900, most: 800 }), 'expiry: 900, most: 800'],
    [refuse('deposit-too-many', { most: 22 }), 'most: 22'],
    [refuse('offer-excessive', { term: 'depth', asked: 900, most: 600 }), 'term: depth, asked: 900, most: 600'],
    [refuse('total-lower', { best: 'all of it', signatures: 'ab' }), 'best: all of it'],
  ] as const;
  for (const [refusal, line] of rows) assert.equal(factsLine(refusal, 'DOGE'), line);
});
