import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { contractsOn, must, sampleTerms } from '../../../test/world/sample.ts';
import { type Amount, amount } from '../base/amount.ts';
import { txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Deposit } from '../contract/contract.ts';
import { leastDeposit, MOST_REFUNDED, refundSize } from '../contract/tx-size.ts';
import { encodeTransaction, outpointKey, type Transaction, transactionId, transactionSize } from '../tx/transaction.ts';
import { MOST_FOUND } from './payer-found-deposits.ts';
import { recoverChannel } from './payer-recover.ts';

const DOGE = 100_000_000n;
const EXPIRY = height(2_000);

/** One transaction of a stranger's with many outputs to the channel's script, as the node found it. */
function stuffed(pair: MachinePair, values: readonly bigint[]) {
  const script = pair.terms.contract.outputScript(pair.terms);
  const outpoint = { txid: txId('ee'.repeat(32)), vout: 0 };
  const inputs = [{ outpoint, script: new Uint8Array(107), sequence: 0xffff_ffff }];
  const transaction: Transaction = { version: 1, inputs, outputs: values.map((value) => ({ value, script })), lockTime: 0 };
  const [txid, bytes] = [transactionId(transaction), encodeTransaction(transaction)];
  return values.map((value, vout) => ({ deposit: { outpoint: { txid, vout }, value: amount(value) }, transaction: bytes }));
}

/** What the payer broadcasts at this look. */
function look(pair: MachinePair, found: Parameters<MachinePair['view']>[0] = []): readonly Transaction[] {
  const before = pair.broadcasts.length;
  must(pair.tellPayer(pair.view(found)));
  return pair.broadcasts.slice(before);
}

function taken(refunds: readonly Transaction[]): readonly string[] {
  return refunds.flatMap(({ inputs }) => inputs.map(({ outpoint }) => outpointKey(outpoint))).toSorted();
}

function keysOf(deposits: readonly Deposit[]): readonly string[] {
  return deposits.map(({ outpoint }) => outpointKey(outpoint)).toSorted();
}

function same(value: Amount | bigint, count: number): readonly bigint[] {
  return Array.from({ length: count }, () => value);
}

for (const contract of contractsOn(dogecoinRegtest)) {
  test(`${contract.id}: a refund of as many deposits as one takes is of standard size`, () => {
    const terms = sampleTerms({ contract });
    // Beyond 252 inputs their count would take two bytes more.
    assert.ok(MOST_REFUNDED <= 252 && refundSize(terms, MOST_REFUNDED) <= terms.coin.policy.maxTransactionSize);
  });
}

describe('thousands of outputs to the address of a channel', () => {
  test('of those the most valuable are deposits, and their transaction is stored once; the own one is refunded with them', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const [own] = pair.payerState().deposits;
    const found = stuffed(pair, [...same(leastDeposit(pair.terms) - 1n, 10), ...same((DOGE * 15n) / 1_000n, 700), 2n * DOGE]);
    for (const { deposit } of found) pair.confirm(deposit);
    assert.deepEqual(look(pair, found), []);
    const { deposits, offered, funding } = pair.payerState();
    assert.equal(deposits.length + offered.length, MOST_FOUND);
    assert.equal(offered.at(-1)?.value, 2n * DOGE);
    assert.equal(funding.length, 2);
    must(pair.tellPayer(pair.view(found)));
    assert.equal(pair.payerState().funding.length, 2, 'found again, stored once');
    pair.pay(DOGE);
    pair.tip = EXPIRY;
    const refunds = look(pair);
    assert.equal(refunds.length, 1);
    assert.deepEqual(refunds[0]?.inputs[0]?.outpoint, own?.outpoint);
    assert.deepEqual(taken(refunds), keysOf([...deposits, ...offered]));
    assert.ok(transactionSize(refunds[0] ?? assert.fail()) <= 20_000);
  });

  test('a better one takes the place of the least, and none that of an accepted deposit', () => {
    const pair = new MachinePair().open(DOGE / 10n);
    const first = stuffed(pair, same(DOGE, MOST_FOUND - 1));
    look(pair, first);
    const [worse, better] = [stuffed(pair, [DOGE - 1n]), stuffed(pair, [DOGE + 1n])];
    look(pair, worse);
    assert.deepEqual(keysOf(pair.payerState().offered), keysOf(first.map(({ deposit }) => deposit)));
    look(pair, better);
    const { deposits, offered } = pair.payerState();
    assert.deepEqual([deposits.length, offered.length, offered.at(-1)?.value], [1, MOST_FOUND - 1, DOGE + 1n]);
  });

  test('more than one transaction may hold, from a store of before: several refunds of standard size, the most valuable first', () => {
    const pair = new MachinePair();
    pair.create();
    const { terms } = pair;
    const found = stuffed(pair, [...same((DOGE * 15n) / 1_000n, MOST_REFUNDED + 4), 10n * DOGE]);
    const deposits = found.map(({ deposit }) => deposit);
    for (const deposit of deposits) pair.confirm(deposit);
    pair.payer = recoverChannel({ terms, keyName: 'm/1', deposits, funding: [] });
    pair.tip = EXPIRY;
    const refunds = look(pair);
    assert.deepEqual(
      refunds.map(({ inputs }) => inputs.length),
      [MOST_REFUNDED, 5],
    );
    assert.deepEqual(refunds[0]?.inputs[0]?.outpoint, deposits.at(-1)?.outpoint);
    assert.deepEqual(taken(refunds), keysOf(deposits));
    for (const refund of refunds) assert.ok(transactionSize(refund) <= terms.coin.policy.maxTransactionSize);
    const [large, small] = refunds;
    if (large === undefined || small === undefined) assert.fail('two refunds');
    pair.spend(large, 1);
    assert.deepEqual(look(pair).map(transactionId), [transactionId(small)], 'what nobody has taken yet goes out again');
    pair.spend(small, 0);
    assert.deepEqual(look(pair), []);
    pair.spend(large, 60);
    pair.spend(small, 60);
    look(pair);
    assert.equal(pair.payerState().kind, 'ended');
  });

  test('two of its refunds that wait are each replaced for itself when fees rise', () => {
    const pair = new MachinePair().open(10n * DOGE, 5n * DOGE);
    const [one, other] = pair.payerState().deposits.map(({ outpoint }) => outpointKey(outpoint));
    pair.tip = EXPIRY;
    const waiting = [one, other].map((key) => {
      const kept = new Map(pair.chain);
      pair.chain.delete((key === one ? other : one) ?? '');
      const [refund] = look(pair);
      for (const [outpoint, view] of kept) pair.chain.set(outpoint, view);
      return refund ?? assert.fail('a refund');
    });
    for (const refund of waiting) pair.spend(refund, 0);
    assert.deepEqual(look(pair), []);
    pair.feeRate = amount(10n * pair.feeRate);
    const raised = look(pair);
    assert.deepEqual(taken(raised), taken(waiting));
    assert.equal(raised.length, 2);
  });

  test('what adds more to the fee than it is worth does not go along; it goes by itself', () => {
    const pair = new MachinePair().open(100n * DOGE);
    const found = stuffed(pair, same((DOGE * 15n) / 1_000n, 20));
    look(pair, found);
    for (const { deposit } of found) pair.confirm(deposit);
    pair.feeRate = amount(20n * pair.feeRate);
    pair.tip = EXPIRY;
    const [refund, ...more] = look(pair);
    assert.deepEqual([refund?.inputs.length, more.length], [1, 0]);
    pair.spend(refund ?? assert.fail(), 0);
    const [rest] = look(pair);
    assert.equal(rest?.inputs.length, 20);
  });

  test('who makes another output with every block holds up neither the refund nor a higher fee for it', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.tip = EXPIRY;
    let refund: Transaction | undefined;
    for (let block = 0; block < 3; block++) {
      const found = stuffed(
        pair,
        same(DOGE, block + 1).map((value) => value + BigInt(block)),
      );
      const sent = look(pair, found);
      for (const { deposit } of found) pair.confirm(deposit);
      if (block === 0) [refund] = sent;
      if (block === 1 && refund !== undefined) {
        pair.spend(refund, 0);
        pair.feeRate = amount(10n * pair.feeRate);
      }
      if (block === 2) assert.deepEqual(taken(sent.slice(0, 1)), taken(refund === undefined ? [] : [refund]));
    }
    assert.ok(refund !== undefined);
  });

  test('what no block holds yet is in another refund: it may never be in one', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const found = stuffed(pair, same(DOGE, 3));
    look(pair, found);
    for (const { deposit } of found) pair.confirm(deposit, 0);
    pair.tip = EXPIRY;
    assert.deepEqual(
      look(pair).map(({ inputs }) => inputs.length),
      [1, 3],
    );
  });
});
