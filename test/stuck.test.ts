import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { feeFor } from '../src/core/base/amount.ts';
import { equalBytes } from '../src/core/base/bytes.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import type { Signing } from '../src/core/contract/contract.ts';
import { costOf } from '../src/core/contract/fee.ts';
import { closeSize } from '../src/core/contract/tx-size.ts';
import { outpointKey, type Transaction } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { MinedPair } from './world/mined-pair.ts';
import { flexibleContracts, keyNumber, must, payeeScript, payerKey, returnScript, sampleTerms } from './world/sample.ts';

const { verify } = await fastestVerifier();
const payoutKey = keyNumber(3);
const returnKey = keyNumber(4);
const PAYEE = ['payee'] as const;
const PAYER = ['payer'] as const;
const NOBODY = [] as const;

function chainOf(coin: Regtest['coin']): Regtest {
  const regtest = createRegtest({ coin, relay: 'peer', verify });
  regtest.mine(1_360);
  return regtest;
}

function paidTo(script: Uint8Array, ...transactions: readonly (Transaction | undefined)[]): bigint {
  const outputs = transactions.flatMap((one) => one?.outputs ?? []).filter((output) => equalBytes(output.script, script));
  return outputs.reduce((sum, { value }) => sum + value, 0n);
}

function fixed(coin: Regtest['coin']): Signing {
  return { kind: 'fixed', fee: feeFor(closeSize(sampleTerms({ coin }), 1, 2), coin.policy.feeRate) };
}

function payeeEnd(pair: MinedPair): readonly [string, bigint | undefined] {
  const state = pair.payeeState();
  return state.kind === 'ended' ? [state.how, state.received] : assert.fail(state.kind);
}

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const regtest = chainOf(coin);
  for (const contract of flexibleContracts) {
    describe(`${contract.id}, ${coin.id}: what is stuck`, () => {
      const opened = (signing: Signing | undefined, ...dusts: readonly bigint[]): MinedPair =>
        new MinedPair(regtest, { contract, ...(signing === undefined ? {} : { signing }) }).openMined(...dusts);

      for (const spike of [10n, 100n]) {
        test(`miners ask for ${spike} times the rate and no node knows: the close is mined before the expiry`, () => {
          const pair = opened(undefined, 1_000n);
          pair.holds(payoutKey);
          pair.pay(pair.money(800n));
          const [deposit] = pair.payeeState().deposits;
          assert.ok(deposit !== undefined);
          const dear = { minFeeRate: pair.rate(spike) };
          pair.mineTo(pair.expiry, PAYEE, dear);
          assert.ok(pair.minedAt(deposit) <= pair.expiry);
          assert.ok(!pair.outcomes.includes('refused'), 'every version was one that nodes take');
          assert.ok(pair.versions().length <= 5, `${pair.versions().length} versions`);
          pair.mine(60, PAYEE);
          assert.equal(payeeEnd(pair)[0], 'closed');
        });
      }

      test('a fee that rises on the way is followed', () => {
        const pair = opened(undefined, 1_000n);
        pair.holds(payoutKey);
        pair.pay(pair.money(800n));
        const [deposit] = pair.payeeState().deposits;
        assert.ok(deposit !== undefined);
        pair.mineTo(pair.expiry - 120, PAYEE);
        pair.feeRate = pair.rate(4n);
        pair.mine(1, PAYEE, { minFeeRate: pair.rate(4n) });
        pair.mine(1, PAYEE, { minFeeRate: pair.rate(4n) });
        // One that takes a child along is mined by the first of them.
        assert.ok(pair.minedAt(deposit) > pair.tip - 2);
      });

      test('terms that fix the fee are hurried by children, and not without the key for them', () => {
        const outcome = (holds: boolean): readonly [boolean, number] => {
          const pair = opened(fixed(coin), 1_000n);
          if (holds) pair.holds(payoutKey);
          pair.pay(pair.money(800n));
          pair.mineTo(pair.expiry, PAYEE, { minFeeRate: pair.rate(100n) });
          const [deposit] = pair.payeeState().deposits;
          const isMined = pair.spends.get(outpointKey(deposit?.outpoint ?? assert.fail()))?.depth !== 0;
          return [isMined, pair.versions().length];
        };
        assert.deepEqual(outcome(true), [true, 1]);
        assert.deepEqual(outcome(false), [false, 1]);
      });

      for (const [side, key] of [
        ['payee', payoutKey],
        ['payer', returnKey],
      ] as const) {
        test(`an agreed end is hurried by the ${side}'s child`, () => {
          const pair = opened(undefined, 1_000n);
          pair.pay(pair.money(400n));
          assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
          pair.hand();
          pair.feeRate = pair.rate(4n);
          const dear = { minFeeRate: pair.rate(4n) };
          const [deposit] = pair.payeeState().deposits;
          assert.ok(deposit !== undefined);
          pair.mine(2, [side], dear);
          assert.equal(pair.spends.get(outpointKey(deposit.outpoint))?.depth, 0, 'without a key it waits');
          pair.holds(key);
          pair.mine(2, [side], dear);
          assert.ok(pair.minedAt(deposit) > 0);
          pair.mine(60);
          assert.deepEqual(payeeEnd(pair), ['closed', pair.money(400n)]);
        });
      }

      test('half of a small total is the most that is paid for it', () => {
        const pair = opened(undefined, 1_000n);
        pair.holds(payoutKey);
        const total = pair.money(coin === dogecoinRegtest ? 4n : 20n);
        pair.pay(total);
        pair.mineTo(pair.expiry, PAYEE, { minFeeRate: pair.rate(1_000n) });
        const [first = 0n] = pair.versions().map((one) => costOf(one, pair.payeeState().deposits)?.fee);
        const left = paidTo(payeeScript, pair.broadcasts.at(-1));
        assert.ok((total - left) * 2n <= total + first, `${left} left of ${total}`);
        assert.ok(left < total - first, 'and more was tried than at first');
      });

      test('a refund that waits is raised', () => {
        const pair = opened(undefined, 1_000n, 500n);
        pair.holds(returnKey);
        const [deposit] = pair.payerState().deposits;
        assert.ok(deposit !== undefined);
        pair.mineTo(pair.expiry, NOBODY);
        pair.mine(130, PAYER, { minFeeRate: pair.rate(4n) });
        assert.ok(pair.minedAt(deposit) > pair.expiry);
        assert.ok(!pair.outcomes.includes('refused'));
        pair.mine(60, PAYER);
        const state = pair.payerState();
        assert.deepEqual(state.kind === 'ended' && state.how, 'refunded');
      });

      test('of two deposits one is refunded while the payee is away: it claims the other', () => {
        for (const refunded of [0, 1]) {
          const pair = opened(undefined, 300n, 700n);
          pair.holds(payoutKey);
          pair.pay(pair.money(600n));
          const { terms } = pair;
          const { deposits } = pair.payerState();
          pair.mineTo(pair.expiry, NOBODY);
          const one = deposits.slice(refunded, refunded + 1);
          const refund = must(terms.contract.refund(terms, one, { script: returnScript, feeRate: coin.policy.feeRate }, payerKey));
          assert.equal(regtest.broadcast(refund).kind, 'accepted');
          pair.mine(1, NOBODY);
          pair.look(PAYEE);
          pair.mine(61, PAYEE);
          const claim = pair.broadcasts.findLast((sent) => costOf(sent, deposits) !== undefined);
          assert.deepEqual(payeeEnd(pair), ['closed', paidTo(payeeScript, claim)]);
          const fee = costOf(claim ?? assert.fail(), deposits)?.fee ?? assert.fail();
          assert.equal(paidTo(payeeScript, claim) + fee, pair.money(300n), 'what the total takes from it');
        }
      });
    });
  }
}
