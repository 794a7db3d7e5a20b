import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, contractsOn, must, payerKey, returnScript } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { after, lockTime, MAX_LOCK_TIME } from '../base/height.ts';
import { possible } from '../base/lock-time.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { coins } from '../coin/registry.ts';
import type { Offer } from '../message/message.ts';
import { type OfferLimits, usualOfferLimits } from './offer-limits.ts';
import type { CreateInput } from './payer-open.ts';

for (const contract of contractsOn(dogecoinRegtest)) {
  describe(`${contract.id}: what an offer asks for`, () => {
    const { terms } = new MachinePair({ contract });
    const usual = usualOfferLimits(terms.coin, contract.expiresBy);
    const now = possible(terms.expiry, new MachinePair({ contract }).env(payerKey));

    /** The order of a payer who takes the expiry that the offer wants at least. */
    const create = (alter: Partial<Offer>, limits?: Partial<OfferLimits>): CreateInput => {
      const { offer } = new MachinePair({ contract }, alter);
      return {
        kind: 'create',
        offer,
        expiry: offer.minExpiry,
        keyName: 'm/1',
        returnScript,
        limits: { expiryIn: contract.expiryIn, ...limits },
      };
    };
    const lasting = (lifetime: number): Partial<Offer> => ({ minExpiry: after(now, lifetime), maxExpiry: after(now, lifetime) });
    const far = contract.expiresBy === 'time' ? lockTime(MAX_LOCK_TIME) : lockTime(490_002_841);

    const cases: readonly (readonly [keyof OfferLimits, Partial<Offer>, Partial<Offer>])[] = [
      ['lifetime', lasting(usual.lifetime), lasting(usual.lifetime + 1)],
      [
        'closingMargin',
        { ...lasting(usual.lifetime), closingMargin: usual.closingMargin },
        { ...lasting(usual.lifetime), closingMargin: usual.closingMargin + 1 },
      ],
      [
        'depth',
        { ...lasting(usual.lifetime), depth: [{ upTo: amount(1n), blocks: usual.depth }] },
        {
          ...lasting(usual.lifetime),
          depth: [
            { upTo: amount(1n), blocks: 1 },
            { upTo: amount(2n), blocks: usual.depth + 1 },
          ],
        },
      ],
      ['minDeposit', { ...lasting(1_000), minDeposit: usual.minDeposit }, { ...lasting(1_000), minDeposit: amount(usual.minDeposit + 1n) }],
    ];
    for (const [term, most, more] of cases) {
      test(`${term}: the usual most is taken; more only where the owner has agreed to it`, () => {
        const longer = term === 'minDeposit' && contract.expiresBy === 'time' ? { ...lasting(60_000) } : {};
        must(new MachinePair({ contract }).tellPayer(create({ ...most, ...longer })));
        const refusal = new MachinePair({ contract }).tellPayer(create({ ...more, ...longer }));
        assertRefused(refusal, 'offer-excessive');
        assert.deepEqual([refusal.remedy, refusal.detail['term'], refusal.detail['most']], ['agree', term, String(usual[term])]);
        const asked = term === 'minDeposit' ? amount(usual.minDeposit + 1n) : Number(usual[term]) + 1;
        assert.equal(refusal.detail['asked'], String(asked));
        must(new MachinePair({ contract }).tellPayer(create({ ...more, ...longer }, { [term]: asked })));
        assertRefused(new MachinePair({ contract }).tellPayer(create({ ...most, ...longer }, { [term]: 0 })), 'offer-excessive');
      });
    }

    test('a way back that the payee signs, only where the owner has agreed to that; one in the script always', () => {
      const { offer } = new MachinePair({ contract }, lasting(60_000));
      const input = { kind: 'create', offer, expiry: offer.minExpiry, keyName: 'm/1', returnScript } as const;
      const unasked = [undefined, {}, { expiryIn: 'script' }, { lifetime: 10_000_000 }] as const;
      for (const limits of unasked) {
        const step = new MachinePair({ contract }).tellPayer({ ...input, ...(limits && { limits }) });
        if (contract.expiryIn === 'script') must(step);
        else {
          assertRefused(step, 'offer-excessive');
          assert.deepEqual([step.remedy, step.detail], ['agree', { term: 'expiryIn', asked: 'releases', most: 'script' }]);
        }
      }
      must(new MachinePair({ contract }).tellPayer({ ...input, limits: { expiryIn: 'releases' } }));
    });

    test('an expiry that nobody lives to see, under any offer', () => {
      assertRefused(new MachinePair({ contract }).tellPayer(create({ minExpiry: far, maxExpiry: far })), 'offer-excessive');
    });

    test('numbers that no height or time can be reckoned with', () => {
      for (const alter of [{ closingMargin: 499_999_999 }, { closingMargin: Number.MAX_SAFE_INTEGER }]) {
        assertRefused(new MachinePair({ contract }).tellPayer(create({ ...lasting(60_000), ...alter })), 'offer-excessive');
      }
    });
  });
}

test('the usual limits leave room for what each coin’s merchants ask for by default', () => {
  for (const coin of coins) {
    for (const kind of ['height', 'time'] as const) {
      const { lifetime, closingMargin, depth, minDeposit } = usualOfferLimits(coin, kind);
      const { span, depth: steps } = coin.channel;
      assert.ok(lifetime >= span[kind].maxLifetime && lifetime < span[kind].maxLifetime * 1.1);
      assert.ok(closingMargin >= 2 * span[kind].closingMargin && closingMargin < span[kind].maxLifetime / 10);
      assert.ok(steps.every(({ blocks }) => 2 * blocks <= depth) && depth * coin.blockSeconds <= 86_400);
      assert.ok(minDeposit >= coin.policy.dust * 100n);
    }
  }
});
