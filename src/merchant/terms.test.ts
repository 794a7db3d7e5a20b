import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keyNumber } from '../../test/world/sample.ts';
import { height } from '../core/base/height.ts';
import { isExpiryOf } from '../core/channel/offer-fit.ts';
import { bitcoin } from '../core/coin/bitcoin.ts';
import { dogecoin } from '../core/coin/dogecoin.ts';
import { litecoin } from '../core/coin/litecoin.ts';
import { leastStake } from '../core/contract/anti-pinning.ts';
import { contracts } from '../core/contract/registry.ts';
import { p2pkh } from '../core/tx/script.ts';
import { defaultTerms, makeOffer } from './terms.ts';

const NOON = 1_700_049_600;
const random = { bytes: (length: number) => new Uint8Array(length) };
const keys = { signer: () => keyNumber(2) };

describe('what is offered unless the owner says otherwise', () => {
  for (const contract of contracts) {
    test(`${contract.id}: expiries of its kind, counted from where the chain or the clock is, with room before the margin`, () => {
      const terms = defaultTerms(dogecoin, contract);
      const at = { tip: height(5_000_000), medianTime: NOON - 360, now: NOON * 1_000 };
      const offer = makeOffer(dogecoin, terms, p2pkh(keyNumber(3).publicKey), at, keys, random, new Uint8Array(16));
      assert.ok(isExpiryOf(contract, offer.minExpiry) && isExpiryOf(contract, offer.maxExpiry));
      const from = contract.expiresBy === 'time' ? NOON : 5_000_000;
      assert.equal(offer.minExpiry - from, terms.minLifetime);
      assert.ok(offer.minExpiry - offer.closingMargin > from);
      // Where the payee signs refunds, it leaves no choice of the expiry.
      assert.equal(offer.minExpiry < offer.maxExpiry, contract.expiryIn !== 'releases');
      assert.equal(offer.refundAge, contract.expiryIn === 'age' ? terms.minLifetime + dogecoin.channel.buried : undefined);
    });
  }

  for (const coin of [dogecoin, litecoin, bitcoin]) {
    test(`${coin.id}: no channel that is too small for its close to be got past whoever holds it up, at the coin’s own rate`, () => {
      for (const contract of contracts) {
        const { minDeposit, maxDeposit, signing } = defaultTerms(coin, contract);
        const least = leastStake(
          { coin, contract, signing, payeeScript: new Uint8Array(coin.prefix.bech32 === undefined ? 25 : 34) },
          coin.policy.feeRate,
        );
        assert.ok(minDeposit >= least && minDeposit < least + coin.policy.dust && minDeposit < maxDeposit);
        assert.equal(minDeposit % coin.policy.dust, 0n, 'a number that people can read');
      }
    });
  }

  test('a fixed fee, which a child helps, lets smaller channels in where a raise costs more', () => {
    const fixed = defaultTerms(dogecoin, contracts[0], { kind: 'fixed', fee: dogecoin.policy.dust });
    assert.equal(fixed.signing.kind, 'fixed');
    assert.ok(fixed.minDeposit < defaultTerms(dogecoin).minDeposit);
  });

  test('a clock that is behind the blocks does not shorten the lives of channels', () => {
    const timed = contracts.filter(({ expiresBy }) => expiresBy === 'time');
    assert.ok(timed.length > 0);
    for (const contract of timed) {
      const terms = defaultTerms(dogecoin, contract);
      const at = { tip: height(5_000_000), medianTime: NOON, now: (NOON - 86_400) * 1_000 };
      assert.equal(
        makeOffer(dogecoin, terms, p2pkh(keyNumber(3).publicKey), at, keys, random, new Uint8Array(16)).minExpiry,
        NOON + terms.minLifetime,
      );
    }
  });
});
