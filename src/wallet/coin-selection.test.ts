import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Amount, add, amount, feeFor } from '../core/base/amount.ts';
import { txId } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import { bitcoin } from '../core/coin/bitcoin.ts';
import type { Coin } from '../core/coin/coin.ts';
import { dogecoin } from '../core/coin/dogecoin.ts';
import { litecoin } from '../core/coin/litecoin.ts';
import { p2pkh, p2sh } from '../core/tx/script.ts';
import { transactionSize } from '../core/tx/transaction.ts';
import { signTransaction, unsignedTransaction } from './build-transaction.ts';
import { type Candidate, type Payee, type Selection, selectAll, selectInputs } from './coin-selection.ts';
import { seedKeyRing } from './keyring.ts';

const changeScript = p2pkh(new Uint8Array(33).fill(2));
const payee = (value: bigint, script = p2sh(new Uint8Array(1))): Payee => ({ script, value: amount(value) });
const candidates = (values: readonly bigint[]): readonly Candidate[] =>
  values.map((value, i) => ({ outpoint: { txid: txId((i >> 2).toString(16).padStart(64, '0')), vout: i & 3 }, value: amount(value) }));
const sum = (parts: readonly { readonly value: Amount }[]): bigint => add(...parts.map(({ value }) => value));
const selected = (selection: Selection<Candidate>): Extract<Selection<Candidate>, { kind: 'selected' }> =>
  selection.kind === 'selected' ? selection : assert.fail(JSON.stringify(selection, (_, v) => (typeof v === 'bigint' ? `${v}` : v)));

for (const coin of [dogecoin, litecoin, bitcoin] satisfies Coin[]) {
  describe(`selection on ${coin.id}`, () => {
    const { dust, feeRate, maxFee } = coin.policy;
    // From far below dust to far above: the sizes at which change and fees decide.
    const value = fc.oneof(fc.bigInt(1n, dust * 2n), fc.bigInt(dust, dust * 10_000n));
    const rate = fc.bigInt(1n, feeRate * 3n).map(amount);
    const wanted = fc.array(fc.bigInt(dust, dust * 4_000n), { minLength: 1, maxLength: 4 });

    test('money in is money out and the fee; no dust; the fee has its floor and ceiling', () => {
      let paid = 0;
      fc.assert(
        fc.property(fc.array(value, { maxLength: 60 }), wanted, rate, (held, asked, feeRateAsked) => {
          const pool = candidates(held);
          const payees = asked.map((v) => payee(v));
          const selection = selectInputs(coin, pool, { payees, changeScript, feeRate: feeRateAsked });
          if (selection.kind !== 'selected') {
            assert.equal(selection.kind, 'short');
            return;
          }
          paid++;
          const { inputs, change, fee, size } = selection;
          assert.equal(new Set(inputs).size, inputs.length, 'no input twice');
          assert.ok(inputs.every((input) => pool.includes(input)));
          assert.equal(sum(inputs), sum(payees) + change + fee);
          assert.ok(change === 0n || change >= dust);
          assert.ok(fee >= feeFor(size, feeRate) && fee >= feeFor(size, feeRateAsked));
          assert.ok(fee <= maxFee);
        }),
        { numRuns: 300 },
      );
      assert.ok(paid > 50, `only ${paid} of 300 runs had enough money`);
    });

    test('whoever is short learns exactly what to add', () => {
      let short = 0;
      fc.assert(
        fc.property(fc.array(value, { maxLength: 20 }), fc.bigInt(dust, dust * 40_000n), (held, asked) => {
          const spending = { payees: [payee(asked)], changeScript, feeRate };
          const selection = selectInputs(coin, candidates(held), spending);
          if (selection.kind !== 'short') return;
          short++;
          selected(selectInputs(coin, candidates([...held, selection.missing]), spending));
          const almost = selection.missing - feeFor(20, feeRate);
          // An output below dust can't be received, so dust is the least that is asked for.
          if (selection.missing === dust) return;
          assert.equal(selectInputs(coin, candidates([...held, almost]), spending).kind, 'short');
        }),
        { numRuns: 200 },
      );
      assert.ok(short > 50, `only ${short} of 200 runs were short`);
    });

    test('change of exactly dust is returned, one unit less goes to the fee', () => {
      const fee = feeFor(10 + 148 + 34 + 32, feeRate);
      const exact = dust * 1_000n + fee + dust;
      const spending = { payees: [payee(dust * 1_000n)], changeScript, feeRate };
      const keeps = selected(selectInputs(coin, candidates([exact]), spending));
      assert.deepEqual([keeps.change, keeps.fee], [dust, fee]);
      const gives = selected(selectInputs(coin, candidates([exact - 1n]), spending));
      assert.deepEqual([gives.change, gives.fee], [0n, fee + dust - 1n]);
    });

    test('an output below dust is refused, one of dust is not', () => {
      const pool = candidates([dust * 100n]);
      const spending = (v: bigint) => ({ payees: [payee(dust), payee(v)], changeScript, feeRate });
      assert.deepEqual(selectInputs(coin, pool, spending(dust - 1n)), { kind: 'dust', value: dust - 1n });
      selected(selectInputs(coin, pool, spending(dust)));
    });
  });
}

test('the size is that of the signed transaction, or a few bytes above it', () => {
  const keys = seedKeyRing(dogecoin, new Uint8Array(32).fill(1));
  for (const count of [1, 2, 252, 253, 300]) {
    const pool = candidates(Array.from({ length: count }, () => 10n ** 8n));
    const payees = [payee(BigInt(count) * 10n ** 8n - 5n * 10n ** 7n)];
    const { inputs, change, size } = selected(selectInputs(dogecoin, pool, { payees, changeScript, feeRate: dogecoin.policy.feeRate }));
    assert.equal(inputs.length, count);
    const own = inputs.map(({ outpoint, value }) => ({
      outpoint,
      value,
      key: "m/44'/3'/0'/0/0",
      coinbase: false,
      place: { kind: 'mined', height: height(1) } as const,
      use: { kind: 'free' } as const,
    }));
    const outputs = change > 0n ? [...payees, { script: changeScript, value: change }] : payees;
    const real = transactionSize(signTransaction(keys, own, unsignedTransaction(own, outputs)));
    assert.ok(real <= size && size - real <= 2 * count, `${real} bytes, ${size} paid for`);
  }
});

test('few inputs are better than many: one big output pays, not hundreds of small ones', () => {
  const pool = candidates([...Array.from({ length: 300 }, () => 34n * 10n ** 6n), 1_000n * 10n ** 8n]);
  const spending = { payees: [payee(100n * 10n ** 8n)], changeScript, feeRate: dogecoin.policy.feeRate };
  assert.equal(selected(selectInputs(dogecoin, pool, spending)).inputs.length, 1);
});

test('an output that costs more than it brings is left alone', () => {
  const cost = feeFor(148, dogecoin.policy.feeRate);
  const { missing } = shortOf(selectInputs(dogecoin, candidates([cost, cost]), spendingOf(10n ** 8n)));
  assert.equal(missing, shortOf(selectInputs(dogecoin, [], spendingOf(10n ** 8n))).missing);
  assert.ok(shortOf(selectInputs(dogecoin, candidates([cost + 10n ** 5n]), spendingOf(10n ** 8n))).missing < missing);
});

test('more pieces than fit in one transaction are told from too little money', () => {
  const crumbs = candidates(Array.from({ length: 700 }, () => 10n ** 8n));
  assert.deepEqual(selectInputs(dogecoin, crumbs, spendingOf(690n * 10n ** 8n)), { kind: 'scattered' });
  assert.equal(selectInputs(dogecoin, crumbs, spendingOf(700n * 10n ** 8n)).kind, 'short');
  const most = selected(selectInputs(dogecoin, crumbs, spendingOf(660n * 10n ** 8n)));
  assert.ok(most.size <= dogecoin.policy.maxTransactionSize);
});

test('a fee above the ceiling is a mistake', () => {
  const spending = { ...spendingOf(10n ** 8n), feeRate: amount(500n * 10n ** 8n) };
  const selection = selectInputs(dogecoin, candidates([10n ** 12n]), spending);
  assert.equal(selection.kind, 'fee-too-high');
  assert.equal(selectInputs(dogecoin, candidates([10n ** 12n]), { ...spending, feeRate: amount(400n * 10n ** 8n) }).kind, 'selected');
});

test('a sweep takes the biggest first, all that are worth it, into one output', () => {
  const { feeRate, dust } = dogecoin.policy;
  const pool = candidates([5n * 10n ** 8n, 100n, 9n * 10n ** 8n, 7n * 10n ** 8n]);
  const all = selected(selectAll(dogecoin, pool, { destination: changeScript, feeRate, mostInputs: 10 }));
  assert.equal(all.inputs.length, 3);
  assert.equal(all.change + all.fee, 21n * 10n ** 8n);
  assert.equal(all.fee, feeFor(10 + 3 * 148 + 34, feeRate));
  const two = selected(selectAll(dogecoin, pool, { destination: changeScript, feeRate, mostInputs: 2 }));
  assert.equal(sum(two.inputs), 16n * 10n ** 8n);
  const least = dust + feeFor(10 + 148 + 34, feeRate);
  const sweepOf = (value: bigint) => selectAll(dogecoin, candidates([value]), { destination: changeScript, feeRate, mostInputs: 2 });
  assert.equal(selected(sweepOf(least)).change, dust);
  assert.equal(sweepOf(least - 1n).kind, 'short');
  assert.equal(selectAll(dogecoin, [], { destination: changeScript, feeRate, mostInputs: 2 }).kind, 'short');
});

function spendingOf(value: bigint): Parameters<typeof selectInputs>[2] {
  return { payees: [payee(value)], changeScript, feeRate: dogecoin.policy.feeRate };
}

function shortOf(selection: Selection<Candidate>): Extract<Selection<Candidate>, { kind: 'short' }> {
  return selection.kind === 'short' ? selection : assert.fail(selection.kind);
}
