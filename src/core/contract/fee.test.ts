import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { keyNumber, sampleTerms } from '../../../test/world/sample.ts';
import { type Amount, amount, feeFor, MAX_AMOUNT } from '../base/amount.ts';
import { txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { bitcoinRegtest } from '../coin/bitcoin.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { litecoinRegtest } from '../coin/litecoin.ts';
import { p2pkh } from '../tx/script.ts';
import { sameOutpoint, type Transaction, transactionId, transactionSize } from '../tx/transaction.ts';
import { cpfpChildren, PATIENT_STEPS, URGENT_STEPS } from './cpfp.ts';
import { affordableRate, closeUrgency, costOf, isRaise, raisedRate, rateOf, refundUrgency, sumOf, times } from './fee.ts';

const coins = [dogecoinRegtest, litecoinRegtest, bitcoinRegtest];
const policies = fc.constantFrom(...coins.map(({ policy }) => policy));
const rates = fc.bigInt(0n, 10n ** 14n).map(amount);
const sizes = fc.integer({ min: 100, max: 10_000 });
const shares = fc.bigInt(2n, 10n);

describe('how pressing a transaction is', () => {
  const terms = sampleTerms();
  const steps = (of: typeof closeUrgency, from: number, to: number): readonly (readonly [number, bigint, bigint])[] => {
    const all = Array.from({ length: to - from }, (_, i) => [from + i, of(terms, height(from + i))] as const);
    return all
      .filter(([at, { factor }], i) => i === 0 || of(terms, height(at - 1)).factor !== factor)
      .map(([at, { factor, share }]) => [at, factor, share]);
  };

  test('a close pays more with each quarter of its margin, and for ever after the expiry', () => {
    assert.deepEqual(steps(closeUrgency, 1_400, 3_000), [
      [1_400, 1n, 10n],
      [1_910, 3n, 5n],
      [1_940, 10n, 3n],
      [1_970, 100n, 2n],
    ]);
  });

  test('a refund pays more after half a margin and a whole one, and never much', () => {
    assert.deepEqual(steps(refundUrgency, 2_000, 4_000), [
      [2_000, 1n, 10n],
      [2_060, 3n, 10n],
      [2_120, 10n, 10n],
    ]);
  });

  test('every coin’s margin has room for a block at each step', () => {
    for (const coin of coins) {
      const { closingMargin } = coin.channel.span.height;
      const own = { ...sampleTerms({ coin }), closingMargin };
      const factors = Array.from({ length: closingMargin }, (_, i) => closeUrgency(own, height(2_000 - closingMargin + i)).factor);
      for (const factor of [1n, 3n, 10n, 100n]) assert.ok(factors.filter((one) => one === factor).length >= 4, `${coin.id} ${factor}`);
    }
  });
});

describe('rates', () => {
  test('what is paid is what is wanted, within the share, an output’s worth and the coin’s limit, and the coin’s own rate at least', () => {
    const holds = (policy: (typeof dogecoinRegtest)['policy'], wanted: Amount, share: bigint, stake: Amount, size: number): void => {
      const rate = affordableRate(policy, wanted, share, stake, size);
      const fee = feeFor(size, rate);
      assert.ok(rate >= policy.feeRate);
      if (rate === policy.feeRate) return;
      assert.ok(rate <= wanted && fee <= stake / share && fee <= policy.maxFee && stake - fee >= policy.dust);
      // And it is not less than it may be.
      const more = feeFor(size, amount(rate + 1n));
      assert.ok(rate === wanted || more > stake / share || more > policy.maxFee || stake - more < policy.dust);
    };
    fc.assert(fc.property(policies, rates, shares, fc.bigInt(0n, 10n ** 12n).map(amount), sizes, holds), { numRuns: 2_000 });
    assert.equal(affordableRate(dogecoinRegtest.policy, amount(5_000_000n), 2n, amount(10n ** 10n), 400), 5_000_000n);
  });

  test('an absurd rate stays an amount', () => {
    assert.equal(times(MAX_AMOUNT, 100n), MAX_AMOUNT);
    assert.equal(times(amount(7n), 3n), 21n);
  });

  test('a raise is half as much again, by a higher rate and with the increment that relay asks for, and the lowest is one', () => {
    const cost = fc.record({ fee: fc.bigInt(0n, 10n ** 10n).map(amount), size: sizes });
    const holds = (policy: (typeof dogecoinRegtest)['policy'], before: { fee: Amount; size: number }, size: number): void => {
      const least = raisedRate(policy, before, size);
      assert.ok(isRaise(policy, before, { fee: feeFor(size, least), size }));
      const after = { fee: amount((before.fee * 3n) / 2n), size };
      if (isRaise(policy, before, after)) {
        assert.ok(after.fee >= before.fee + feeFor(size, policy.minRelayFeeRate) && rateOf(after) > rateOf(before));
      }
      assert.ok(!isRaise(policy, before, before));
      assert.ok(!isRaise(policy, before, { fee: amount((before.fee * 149n) / 100n), size }) || before.fee < 3n);
    };
    fc.assert(fc.property(policies, cost, sizes, holds), { numRuns: 1_000 });
  });

  test('costs that can’t be told make a sum that can’t', () => {
    const cost = { fee: amount(5n), size: 100 };
    assert.deepEqual(sumOf([cost, cost]), { fee: 10n, size: 200, burden: 0n });
    assert.deepEqual(sumOf([cost, { ...cost, burden: amount(7n) }]), { fee: 10n, size: 200, burden: 7n });
    assert.equal(sumOf([cost, undefined]), undefined);
  });

  test('what builds on a transaction is paid by what takes its place, whatever a node says that it pays', () => {
    const { policy } = dogecoinRegtest;
    const before = { fee: feeFor(400, policy.feeRate), size: 400 };
    const after = { fee: amount(before.fee * 10n), size: 400 };
    assert.ok(isRaise(policy, before, after));
    assert.ok(!isRaise(policy, { ...before, burden: after.fee }, after));
    const least = raisedRate(policy, { ...before, burden: after.fee }, 400);
    assert.ok(isRaise(policy, { ...before, burden: after.fee }, { fee: feeFor(400, least), size: 400 }));
    assert.equal(raisedRate(policy, { fee: MAX_AMOUNT, size: 1, burden: MAX_AMOUNT }, 400), MAX_AMOUNT);
  });
});

const key = keyNumber(5);
const outpoint = { txid: txId('ab'.repeat(32)), vout: 3 };
const value = 10_000_000_000n;

function parent(fee: bigint, own = 1_000_000_000n): Transaction {
  const script = p2pkh(key.publicKey);
  const outputs = [
    { value: value - own - fee, script: p2pkh(keyNumber(6).publicKey) },
    { value: own, script },
  ];
  return { version: 2, inputs: [{ outpoint, script: new Uint8Array(270), sequence: 0xffff_fffd }], outputs, lockTime: 0 };
}

describe('children', () => {
  const { policy } = dogecoinRegtest;
  const deposits = [{ outpoint, value: amount(value) }];
  const family = (own: bigint, rungs: typeof URGENT_STEPS, wanted: bigint): readonly Transaction[] => {
    const transaction = parent(400_000n, own);
    const cost = costOf(transaction, deposits) ?? assert.fail();
    return cpfpChildren({ transaction, cost, vout: 1, signer: key }, policy, rungs, amount(wanted));
  };

  test('lift the whole family to the next step above what is wanted', () => {
    for (const [wanted, count, factor] of [
      [1n, 0, 1n],
      [2n, 1, 4n],
      [4n, 1, 4n],
      [5n, 2, 20n],
      [90n, 3, 100n],
      [5_000n, 3, 100n],
    ] as const) {
      const children = family(1_000_000_000n, URGENT_STEPS, wanted * policy.feeRate);
      assert.equal(children.length, count);
      const last = children.at(-1)?.outputs[0]?.value ?? 1_000_000_000n;
      const size = [parent(400_000n), ...children].reduce((sum, one) => sum + transactionSize(one), 0);
      const rate = ((400_000n + 1_000_000_000n - last) * 1000n) / BigInt(size);
      assert.ok(rate >= factor * policy.feeRate, `${rate}`);
      assert.ok(count === 0 || rate <= factor * policy.feeRate + policy.feeRate / 2n, 'and hardly more');
    }
  });

  test('a higher step adds to the chain and changes nothing in it: what was sent before a crash is sent again', () => {
    const all = family(1_000_000_000n, URGENT_STEPS, 100n * policy.feeRate);
    for (const wanted of [2n, 5n, 90n]) {
      const some = family(1_000_000_000n, URGENT_STEPS, wanted * policy.feeRate);
      assert.deepEqual(some, all.slice(0, some.length));
    }
    const chain = [parent(400_000n), ...all];
    for (const [i, child] of all.entries()) {
      assert.ok(
        sameOutpoint(child.inputs[0]?.outpoint ?? assert.fail(), { txid: transactionId(chain[i] ?? assert.fail()), vout: i === 0 ? 1 : 0 }),
      );
      assert.ok((child.inputs[0]?.sequence ?? 0) < 0xffff_fffe, 'replaceable');
    }
  });

  test('cost no more than their share, leave an output, and are not made for less than the coin’s rate', () => {
    const holds = (own: bigint, wanted: bigint, isPressing: boolean): void => {
      const children = family(own, isPressing ? URGENT_STEPS : PATIENT_STEPS, wanted);
      const last = children.at(-1)?.outputs[0]?.value ?? own;
      assert.ok((own - last) * (isPressing ? 2n : 10n) <= own && (children.length === 0 || last >= policy.dust));
      const values = [own, ...children.map(({ outputs }) => outputs[0]?.value ?? 0n)];
      for (const [i, child] of children.entries()) {
        const fee = (values[i] ?? 0n) - (values[i + 1] ?? 0n);
        assert.ok(fee >= feeFor(transactionSize(child), policy.feeRate));
      }
    };
    fc.assert(fc.property(fc.bigInt(1_000_000n, 9_000_000_000n), fc.bigInt(0n, 500_000_000n), fc.boolean(), holds), { numRuns: 300 });
  });
});
