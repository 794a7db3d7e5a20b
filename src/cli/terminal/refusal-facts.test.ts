import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuse } from '../../core/base/refusal.ts';
import { factsLine } from './refusal-facts.ts';

test('amounts in a refusal are whole coins with their unit', () => {
  const rows = [
    [refuse('total-above-capacity', { total: 6_000_000_000n, most: 5_000_000_000n }), 'total: 60 DOGE, most: 50 DOGE'],
    [refuse('deposit-too-small', { deposits: 100_000_000n, least: 203_000_000n }), 'deposits: 1 DOGE, least: 2.03 DOGE'],
    [refuse('refund-unsigned', { deposits: 2, value: 5n }), 'deposits: 2, value: 0.00000005 DOGE'],
    [refuse('give-back-too-much', { most: 250_000_000n }), 'most: 2.5 DOGE'],
    [refuse('offer-excessive', { term: 'minDeposit', asked: 10n ** 8n, most: 0n }), 'term: minDeposit, asked: 1 DOGE, most: 0 DOGE'],
  ] as const;
  for (const [refusal, line] of rows) assert.equal(factsLine(refusal, 'DOGE'), line);
});

test('heights, times and counts have their unit', () => {
  const rows = [
    [refuse('expiry-too-far', { expiry: 900, most: 800 }), 'expiry: block 900, most: block 800'],
    [refuse('refund-too-early', { tip: 1_700_000_000, expiry: 1_700_003_600 }), 'tip: 2023-11-14 22:13 UTC, expiry: 2023-11-14 23:13 UTC'],
    [refuse('window-too-short', { payoutDelay: 5, least: 60 }), 'payoutDelay: 5 blocks, least: 60 blocks'],
    [refuse('funding-unconfirmed', { depth: 1, needed: 6 }), 'depth: 1 confirmation, needed: 6 confirmations'],
    [refuse('message-too-large', { most: 4096 }), 'most: 4096 bytes'],
    [refuse('offer-malformed', { script: 70 }), 'script: 70 bytes'],
    [refuse('invoice-expired', { expired: 1_700_000_000_000 }), 'expired: 2023-11-14 22:13 UTC'],
  ] as const;
  for (const [refusal, line] of rows) assert.equal(factsLine(refusal, 'DOGE'), line);
});

test('facts that say what they count stay as they are, and so does what a stranger wrote in place of a number', () => {
  const rows = [
    [refuse('expiry-too-far', { expiry: '-1', most: '1e3' }), 'expiry: -1, most: 1e3'],
    [refuse('invoice-expired', { expired: '9999999999999999' }), 'expired: 9999999999999999'],
    [refuse('message-too-large', { most: 'much' }), 'most: much'],
    [refuse('deposit-too-many', { most: 22 }), 'most: 22'],
    [refuse('offer-excessive', { term: 'depth', asked: 900, most: 600 }), 'term: depth, asked: 900, most: 600'],
    [refuse('total-lower', { best: 'all of it', signatures: 'ab' }), 'best: all of it'],
  ] as const;
  for (const [refusal, line] of rows) assert.equal(factsLine(refusal, 'DOGE'), line);
});
