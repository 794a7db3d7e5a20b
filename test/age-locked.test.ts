import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { revocableCsv } from '../src/core/contract/revocable-csv.ts';
import type { Announce, Offer } from '../src/core/message/message.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { sampleOffer, sampleTerms } from './world/sample.ts';
import { TwoDisks } from './world/two-disks.ts';

const { verify } = await fastestVerifier();

/** Offers that no script of the contract comes of: without a part of the lock, or with a number that means no age in blocks. */
function offersOf(): Readonly<Record<string, Offer>> {
  const offer = sampleOffer(sampleTerms({ contract: revocableCsv }));
  const { spendHash: _, ...hashless } = offer;
  const { refundAge: __, ...ageless } = offer;
  return {
    hashless,
    ageless,
    disabled: { ...offer, refundAge: 2 ** 31 + 1 },
    timed: { ...offer, refundAge: 2 ** 22 + 1 },
    none: { ...offer, refundAge: 0 },
  };
}

describe('strangers’ offers of channels that are locked by age', () => {
  test('that no script comes of are refused by a merchant and by a payer; the right one is taken', async () => {
    const world = await TwoDisks.open({ verify, coin: litecoinRegtest });
    const channel = await world.opened();
    const { terms, deposits, offer } = await world.payerState(channel);
    const announce = (named: Offer): Announce => ({
      ...{ kind: 'announce', offer: named, payerKey: terms.payerKey, expiry: named.minExpiry, deposits },
      penaltyKey: terms.payerKey,
    });
    for (const [what, wrong] of Object.entries(offersOf())) {
      const answer = await world.merchant.answer(announce(wrong));
      assert.equal(answer.kind === 'refusal' && answer.code, 'offer-malformed', what);
      const planned = await world.agent.plan(wrong, wrong.minExpiry, terms.payeeScript);
      assert.equal('code' in planned && planned.code, 'offer-malformed', what);
    }
    const { penaltyKey: _, ...right } = announce(offer ?? assert.fail());
    assert.equal((await world.merchant.answer({ ...right, expiry: terms.expiry })).kind, 'accepted');
    await world.buy(channel);
  });
});
