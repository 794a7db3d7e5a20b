import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import {
  flexibleContracts,
  keyNumber,
  must,
  payeeKey,
  payeeScript,
  payerKey,
  replacingCoin,
  returnScript,
  type SampleTerms,
  sampleTerms,
} from '../../../test/world/sample.ts';
import { amount, feeFor } from '../base/amount.ts';
import { equalBytes, txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { litecoinRegtest } from '../coin/litecoin.ts';
import { costOf, isRaise } from '../contract/fee.ts';
import { closeSize } from '../contract/tx-size.ts';
import { type Transaction, transactionId } from '../tx/transaction.ts';

/** Opened with 1,000 times dust, of which 400 are paid, at the height where closing begins. */
function paid(options: SampleTerms = {}): MachinePair {
  const pair = new MachinePair(options);
  const { dust } = pair.terms.coin.policy;
  pair.open(dust * 1_000n);
  pair.pay(dust * 400n);
  pair.tip = height(1_880);
  return pair;
}

function buriedOn({ terms }: MachinePair): number {
  return terms.coin.channel.buried;
}

/** What the payee broadcasts when it looks. */
function looked(pair: MachinePair): readonly Transaction[] {
  const before = pair.broadcasts.length;
  must(pair.tellPayee(pair.view()));
  return pair.broadcasts.slice(before);
}

function only(transactions: readonly Transaction[]): Transaction {
  const [one] = transactions;
  return one !== undefined && transactions.length === 1 ? one : assert.fail(`${transactions.length} transactions`);
}

function feeOf(pair: MachinePair, transaction: Transaction): bigint {
  return costOf(transaction, pair.payeeState().deposits)?.fee ?? assert.fail();
}

function received(transaction: Transaction): bigint {
  return transaction.outputs.filter(({ script }) => equalBytes(script, payeeScript)).reduce((sum, { value }) => sum + value, 0n);
}

/** The same in other bytes, under another id: more on the stack, as only a miner can put it there. */
function malleated(transaction: Transaction): Transaction {
  return { ...transaction, inputs: transaction.inputs.map((input) => ({ ...input, script: Uint8Array.of(0x51, ...input.script) })) };
}

function endOf(pair: MachinePair): readonly [string, bigint | undefined] {
  const state = pair.payeeState();
  return state.kind === 'ended' ? [state.how, state.received] : assert.fail(state.kind);
}

function closeAt(pair: MachinePair, total: bigint): Transaction {
  const { terms, deposits } = pair.payeeState();
  const payment = must(terms.contract.sign(terms, deposits, amount(total), payerKey));
  return must(
    terms.contract.close([{ terms, deposits, payment, signer: payeeKey }], { script: payeeScript, feeRate: terms.coin.policy.feeRate }),
  );
}

// Where the fee is fixed, children pay for more.
for (const contract of flexibleContracts) {
  /** Coins on which nodes keep the first that they see: Litecoin's keep all, the others what says that it is final. */
  const keepingCoins = [litecoinRegtest, dogecoinRegtest].filter(
    (coin) => coin.policy.replacement === 'never' || replacingCoin(contract) !== coin,
  );

  describe(`${contract.id}: a close that is not mined`, () => {
    test('is sent by a payee that comes back at any block of the margin, in that very look', () => {
      for (let at = 1_880; at < 2_000; at++) {
        const pair = paid({ contract });
        pair.tip = height(at);
        assert.ok(received(only(looked(pair))) >= 200n * pair.terms.coin.policy.dust);
      }
    });

    test('is replaced once a quarter of the margin, by versions that nodes take in its place, and never for a fee that wavers', () => {
      const pair = paid({ contract, coin: replacingCoin(contract) });
      const { policy } = pair.terms.coin;
      const versions = [only(looked(pair))];
      for (let at = 1_881; at <= 2_000; at++) {
        const last = versions.at(-1) ?? assert.fail();
        pair.spend(last, 0);
        pair.tip = height(at);
        pair.feeRate = amount((policy.feeRate * BigInt(100 + ((at * 37) % 40))) / 100n);
        const next = looked(pair);
        if (next.length > 0) versions.push(only(next));
      }
      assert.equal(versions.length, 4);
      const costs = versions.map((one) => costOf(one, pair.payeeState().deposits) ?? assert.fail());
      for (const [i, cost] of costs.entries()) if (i > 0) assert.ok(isRaise(policy, costs[i - 1] ?? cost, cost));
    });

    test('follows a fee that doubles, up to a tenth of the total while there is time', () => {
      const pair = paid({ contract, coin: replacingCoin(contract) });
      const total = 400n * pair.terms.coin.policy.dust;
      const first = only(looked(pair));
      pair.spend(first, 0);
      pair.feeRate = amount(pair.feeRate * 2n);
      const second = only(looked(pair));
      assert.ok(feeOf(pair, second) >= 2n * feeOf(pair, first) - 100_000n && feeOf(pair, second) < total / 10n);
      pair.spend(second, 0);
      pair.feeRate = amount(pair.feeRate * 10_000n);
      const third = only(looked(pair));
      assert.ok(feeOf(pair, third) <= total / 10n && feeOf(pair, third) > total / 11n);
    });

    test('is left alone where it is mined, and where it waits under another id', () => {
      const pair = paid({ contract });
      const close = only(looked(pair));
      for (const depth of [0, 1, 30]) {
        pair.spend(malleated(close), depth);
        assert.deepEqual(looked(pair), []);
      }
      pair.spend(malleated(close), buriedOn(pair));
      looked(pair);
      assert.deepEqual(endOf(pair), ['closed', received(close)]);
    });

    test('takes the place of an older one in the mempool, and is over when that was mined after all', () => {
      const pair = paid({ contract, coin: replacingCoin(contract) });
      const { dust, ...policy } = pair.terms.coin.policy;
      const older = closeAt(pair, 300n * dust);
      pair.spend(older, 0);
      const close = only(looked(pair));
      const [before, after] = [older, close].map((one) => costOf(one, pair.payeeState().deposits) ?? assert.fail());
      assert.ok(before !== undefined && after !== undefined && isRaise({ dust, ...policy }, before, after));
      assert.ok(received(close) > 399n * dust - 10n * feeFor(400, policy.feeRate));
      pair.spend(older, buriedOn(pair) - 1);
      assert.deepEqual([looked(pair), pair.payeeState().kind], [[], 'closing']);
      pair.spend(older, buriedOn(pair));
      looked(pair);
      assert.deepEqual(endOf(pair), ['closed', received(older)]);
    });

    test('beats a refund in the mempool where that can be', () => {
      const pair = paid({ contract, coin: replacingCoin(contract) });
      pair.tip = height(2_000);
      must(pair.tellPayer(pair.view()));
      const refund = pair.broadcasts.at(-1) ?? assert.fail();
      assert.deepEqual(refund.outputs[0]?.script, returnScript);
      pair.spend(refund, 0);
      const close = only(looked(pair));
      const [before, after] = [refund, close].map((one) => costOf(one, pair.payeeState().deposits) ?? assert.fail());
      assert.ok(before !== undefined && after !== undefined && isRaise(pair.terms.coin.policy, before, after));
      pair.spend(refund, buriedOn(pair));
      looked(pair);
      assert.deepEqual(endOf(pair), ['refunded', 0n]);
    });

    test('has one version where mempools replace nothing, and another when they have forgotten it', () => {
      for (const coin of keepingCoins) {
        const pair = paid({ contract, coin });
        const first = only(looked(pair));
        pair.spend(first, 0);
        pair.tip = height(1_990);
        assert.deepEqual(looked(pair), []);
        pair.spends.clear();
        const second = only(looked(pair));
        assert.ok(feeOf(pair, second) > 50n * feeOf(pair, first));
      }
    });

    test('has children where it can’t be replaced and their key is there, parents first', () => {
      const fee = feeFor(closeSize(sampleTerms({ contract }), 1, 2), sampleTerms().coin.policy.feeRate);
      for (const options of [...keepingCoins.map((coin) => ({ coin })), { signing: { kind: 'fixed', fee } as const }]) {
        const pair = paid({ contract, ...options });
        const close = only(looked(pair));
        pair.keyOf = (script) => (equalBytes(script, payeeScript) ? keyNumber(3) : undefined);
        pair.spend(close, 0);
        const isAhead = pair.terms.coin.policy.family.spare === 0;
        const first = looked(pair);
        assert.equal(first.length, isAhead ? 2 : 0, 'it pays what is asked for: a child holds its place where later none may get in');
        pair.tip = height(1_990);
        const family = looked(pair);
        assert.ok(family.length >= 3);
        assert.deepEqual(family[0], close);
        assert.deepEqual(family.slice(0, first.length), first);
        for (const [i, child] of family.entries()) {
          const [input, ...others] = child.inputs;
          assert.equal(others.length, 0);
          assert.equal(i === 0 ? transactionId(child) : input?.outpoint.txid, transactionId(family[Math.max(0, i - 1)] ?? assert.fail()));
          if (i > 0) assert.deepEqual([child.outputs.length, child.outputs[0]?.script], [1, payeeScript]);
        }
        assert.deepEqual(looked(pair), family, 'the same again');
        pair.spend(close, 1);
        assert.deepEqual(looked(pair), [], 'mined');
      }
    });
  });

  describe(`${contract.id}: an agreed end that is not mined`, () => {
    test('gives way to the payee’s own close when half of the margin is gone, not before', () => {
      const pair = paid({ contract, coin: replacingCoin(contract) });
      pair.tip = height(1_800);
      const reply = pair.exchange({ kind: 'end' });
      if (reply.kind !== 'ended') assert.fail(reply.kind);
      pair.spend(reply.transaction, 0);
      for (const at of [1_880, 1_939]) {
        pair.tip = height(at);
        assert.deepEqual(looked(pair), []);
      }
      pair.tip = height(1_940);
      const close = only(looked(pair));
      assert.equal(received(close), 400n * pair.terms.coin.policy.dust - feeOf(pair, close));
      pair.spend(reply.transaction, buriedOn(pair));
      looked(pair);
      assert.deepEqual(endOf(pair), ['closed', received(reply.transaction)]);
    });

    test('at zero is nothing to pay for', () => {
      const pair = new MachinePair({ contract }).open(10_000_000_000n);
      const reply = pair.exchange({ kind: 'end' });
      if (reply.kind !== 'ended') assert.fail(reply.kind);
      pair.keyOf = () => keyNumber(3);
      pair.tip = height(1_999);
      pair.spend(reply.transaction, 0);
      assert.deepEqual(looked(pair), []);
      pair.spends.clear();
      assert.deepEqual(looked(pair), [reply.transaction]);
      pair.spend(reply.transaction, buriedOn(pair));
      looked(pair);
      assert.deepEqual(endOf(pair), ['closed', 0n]);
    });
  });

  test(`${contract.id}: a close together with other channels is waited for half of the margin, and what it brought is not guessed`, () => {
    const pair = paid({ contract });
    const close = only(looked(pair));
    const state = pair.payeeState();
    const foreign = { outpoint: { txid: txId('ef'.repeat(32)), vout: 0 }, script: Uint8Array.of(0x51), sequence: 0xffff_fffd };
    const batch = { ...close, inputs: [...close.inputs, foreign], outputs: [...close.outputs, { value: 1n, script: returnScript }] };
    pair.payee = state.kind === 'closing' ? { ...state, transaction: batch } : assert.fail(state.kind);
    assert.deepEqual(looked(pair), [batch]);
    pair.tip = height(1_939);
    assert.deepEqual(looked(pair), [batch]);
    pair.tip = height(1_940);
    assert.equal(only(looked(pair)).inputs.length, 1);
    pair.spend(batch, buriedOn(pair));
    looked(pair);
    assert.deepEqual(endOf(pair), ['closed', undefined]);
  });
}
