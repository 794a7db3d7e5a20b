import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { amount, feeFor } from '../src/core/base/amount.ts';
import { equalBytes } from '../src/core/base/bytes.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { leastStake } from '../src/core/contract/anti-pinning.ts';
import type { Contract, Deposit } from '../src/core/contract/contract.ts';
import { payerScript } from '../src/core/contract/contract.ts';
import { closeSize } from '../src/core/contract/tx-size.ts';
import { outpointKey, type Transaction } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { MinedPair } from './world/mined-pair.ts';
import { heavyChild, lightChildren, type Pinned } from './world/pins.ts';
import { flexibleContracts, keyNumber, must, payeeKey, payeeScript, payerKey, sampleTerms } from './world/sample.ts';

const { verify } = await fastestVerifier();
const payoutKey = keyNumber(3);
const PAYEE = ['payee'] as const;

function chainOf(coin: Regtest['coin']): Regtest {
  const regtest = createRegtest({ coin, relay: 'peer', verify });
  regtest.mine(1_360);
  return regtest;
}

function isTaken(pair: MinedPair, { outpoint }: Deposit): boolean {
  return (pair.spends.get(outpointKey(outpoint))?.depth ?? 0) > 0;
}

/** The transaction that waits with an output of the payer's, and that output. */
function waitingFor(pair: MinedPair): Pinned | undefined {
  const [deposit] = pair.payeeState().deposits;
  const seen = deposit && pair.spends.get(outpointKey(deposit.outpoint));
  if (seen === undefined || seen.depth > 0) return undefined;
  const vout = seen.transaction.outputs.findIndex(({ script }) => equalBytes(script, payerScript(pair.terms)));
  return vout < 0 ? undefined : { transaction: seen.transaction, vout, owner: payerKey };
}

interface Market {
  /** Times the coin's own rate that miners ask for. */
  readonly factor: bigint;
  readonly pin: (pinned: Pinned, pair: MinedPair) => readonly Transaction[];
}

/** To the expiry, with a thief that holds up each version of the close as soon as it waits. */
function robbed(pair: MinedPair, { factor, pin }: Market): number {
  const pinned = new Set<Transaction>();
  let pins = 0;
  while (pair.tip < pair.expiry) {
    const target = waitingFor(pair);
    if (target !== undefined && !pinned.has(target.transaction)) {
      pinned.add(target.transaction);
      for (const child of pin(target, pair)) pins += pair.regtest.broadcast(child).kind === 'accepted' ? 1 : 0;
    }
    pair.mine(1, PAYEE, { minFeeRate: pair.rate(factor) });
  }
  return pins;
}

describe('a close that can be replaced, on dogecoin', () => {
  const regtest = chainOf(dogecoinRegtest);
  const replaceable = flexibleContracts.filter(({ form }) => form.sequence < 0xffff_fffe);
  for (const contract of replaceable) {
    for (const [name, holds] of [
      ['a key at hand', true],
      ['a cold payout', false],
    ] as const) {
      test(`${contract.id}, ${name}: a large cheap child does not hold it up`, () => {
        const pair = new MinedPair(regtest, { contract }).openMined(100_000n);
        if (holds) pair.holds(payoutKey);
        pair.pay(pair.money(99_000n));
        const [deposit] = pair.payeeState().deposits;
        assert.ok(deposit !== undefined);
        const pins = robbed(pair, { factor: 2n, pin: (pinned) => [heavyChild(pinned, { bytes: 29_700, fee: 50_000_000n })] });
        assert.ok(pins > 0, 'the thief had something to hold up');
        assert.ok(isTaken(pair, deposit));
        assert.ok(!pair.outcomes.includes('refused'), 'every version was one that nodes take');
      });
    }
  }
});

describe('a total at the least stake, and a smaller one', () => {
  const regtest = chainOf(dogecoinRegtest);
  const factor = 3n;
  /** The largest family that nodes let wait, at a rate that miners just leave out. */
  const pin = (pinned: Pinned, pair: MinedPair): readonly Transaction[] => {
    const bytes = 99_900;
    const fee = feeFor(bytes, pair.rate(factor)) - pair.money(1n) / 10n;
    return [heavyChild(pinned, { bytes, fee })];
  };
  const isMined = (contract: Contract, part: bigint): boolean => {
    const pair = new MinedPair(regtest, { contract }).openMined(100_000n);
    const total = (leastStake(pair.terms, pair.rate(factor)) * part) / 100n;
    pair.pay(amount(total));
    const [deposit] = pair.payeeState().deposits;
    assert.ok(deposit !== undefined);
    assert.ok(robbed(pair, { factor, pin }) > 0);
    return isTaken(pair, deposit);
  };
  for (const contract of flexibleContracts.filter(({ form }) => form.sequence < 0xffff_fffe)) {
    test(`${contract.id}: the first is mined past the largest family, the second is not, which is all that can be lost`, () => {
      assert.ok(isMined(contract, 101n));
      assert.ok(!isMined(contract, 90n));
    });
  }
});

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const regtest = chainOf(coin);
  const replaces = ({ form }: Contract): boolean => coin.policy.replacement !== 'never' && form.sequence < 0xffff_fffe;
  for (const contract of flexibleContracts) {
    describe(`${contract.id}, ${coin.id}: a close that its payee wants nobody to mine`, () => {
      /** Paid 400 of 1,000, and closed at a rate that is relayed and not mined; `hold` is what the payee does to keep it so. */
      const held = (hold: (pinned: Pinned) => readonly Transaction[]): MinedPair => {
        const pair = new MinedPair(regtest, { contract }).openMined(100_000n);
        pair.pay(pair.money(40_000n));
        const { terms, deposits, best } = pair.payeeState();
        if (best === undefined) assert.fail('nothing paid');
        const payout = { script: payeeScript, feeRate: coin.policy.minRelayFeeRate };
        const close = must(contract.close([{ terms, deposits, payment: best, signer: payeeKey }], payout));
        pair.mineTo(pair.expiry - 1, []);
        assert.equal(regtest.broadcast(close).kind, 'accepted');
        const vout = close.outputs.findIndex(({ script }) => equalBytes(script, payeeScript));
        for (const child of hold({ transaction: close, vout, owner: payoutKey })) assert.equal(regtest.broadcast(child).kind, 'accepted');
        return pair;
      };
      const mined = (pair: MinedPair): string => {
        pair.mine(190, ['payer'], { minFeeRate: pair.rate(1n) });
        const state = pair.payerState();
        return state.kind === 'ended' ? state.how : state.kind;
      };

      test('is replaced by the refund where that can be, and else mined for a child of the change', () => {
        const pair = held(() => []);
        pair.mine(30, ['payer'], { minFeeRate: pair.rate(1n) });
        assert.equal(pair.broadcasts.filter(({ inputs }) => inputs.length > 0).length, 1, 'it has its time');
        assert.equal(mined(pair), replaces(contract) ? 'refunded' : 'closed');
        assert.ok(!pair.outcomes.includes('refused'));
      });

      test('is left alone where miners take it all the same', () => {
        const pair = held(() => []);
        pair.mine(70, ['payer'], { minFeeRate: coin.policy.minRelayFeeRate });
        const state = pair.payerState();
        assert.equal(state.kind === 'ended' && state.how, 'closed');
      });

      if (replaces(contract)) {
        test('and burdens with a child of its own: the refund outpays both', () => {
          assert.equal(mined(held((pinned) => [heavyChild(pinned, { bytes: 29_700, fee: 20_000_000n })])), 'refunded');
        });

        test('an agreed end to a cold address that fees have risen above gives way to the refund', () => {
          const pair = new MinedPair(regtest, { contract }).openMined(100_000n);
          pair.pay(pair.money(40_000n));
          assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
          pair.hand();
          pair.mineTo(pair.expiry, [], { minFeeRate: pair.rate(4n) });
          pair.mine(190, ['payer'], { minFeeRate: pair.rate(4n) });
          const state = pair.payerState();
          assert.equal(state.kind === 'ended' && state.how, 'refunded');
        });
      }
    });
  }
}

/** Where nothing takes the place of a close: by the coin, by the form of the contract, or because its fee is signed. */
for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const regtest = chainOf(coin);
  for (const contract of flexibleContracts) {
    for (const kind of ['flexible', 'fixed'] as const) {
      const isReplaced = kind === 'flexible' && coin.policy.replacement !== 'never' && contract.form.sequence < 0xffff_fffe;
      if (isReplaced) continue;
      const signing =
        kind === 'fixed' ? { signing: { kind, fee: feeFor(closeSize(sampleTerms({ coin, contract }), 1, 2), coin.policy.feeRate) } } : {};
      const tiny = feeFor(200, coin.policy.minRelayFeeRate);
      for (const [name, pin] of Object.entries({
        'a family filled by tiny children': (pinned: Pinned) => lightChildren(pinned, { count: 24, fee: tiny }),
        'a family filled by a large child': (pinned: Pinned) => {
          const large = heavyChild(pinned, { bytes: 99_000, fee: feeFor(99_500, coin.policy.minRelayFeeRate) });
          return [large, ...lightChildren({ transaction: large, vout: 0, owner: payerKey }, { count: 12, fee: tiny })];
        },
      })) {
        test(`${contract.id}, ${coin.id}, ${kind}: ${name} does not hold a close up that nothing replaces`, () => {
          const pair = new MinedPair(regtest, { contract, ...signing }).openMined(200_000n);
          pair.holds(payoutKey);
          pair.pay(pair.money(100_000n));
          const [deposit] = pair.payeeState().deposits;
          assert.ok(deposit !== undefined);
          assert.ok(robbed(pair, { factor: 10n, pin }) > 0);
          assert.ok(isTaken(pair, deposit));
        });
      }
    }
  }
}
