import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sampleTerms } from '../../../test/world/sample.ts';
import { type Height, height } from '../base/height.ts';
import { bitcoin } from '../coin/bitcoin.ts';
import { hasRule } from '../coin/coin.ts';
import { dogecoin } from '../coin/dogecoin.ts';
import { litecoin } from '../coin/litecoin.ts';
import { isDue, type Terms } from './contract.ts';
import { contracts } from './registry.ts';

const HOUR = 3600;
/** How far a payee's clock may be wrong, and a block's time ahead of the nodes' (`validation.cpp`, MAX_FUTURE_BLOCK_TIME). */
const MOST_WRONG = 2 * HOUR;
const MOST_AHEAD = 2 * HOUR;
const TIP: Height = height(8_000_000);

/** Times of the last eleven blocks as miners may choose them: each after the median before it, none too far ahead of the time it was made at. */
interface Miners {
  /** True seconds between blocks. */
  readonly gaps: readonly number[];
  /** Where in what is allowed each miner's time lies, in thousandths: 0 is the earliest, 1,000 the latest. */
  readonly choices: readonly number[];
}

const miners: fc.Arbitrary<Miners> = fc.record({
  gaps: fc.array(fc.integer({ min: 1, max: 2 * HOUR }), { minLength: 60, maxLength: 60 }),
  choices: fc.oneof(
    fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 60, maxLength: 60 }),
    fc.constantFrom(0, 1_000).map((always) => Array.from({ length: 60 }, () => always)),
  ),
});

interface Moment {
  /** True time at which the next block is made, in seconds. */
  readonly now: number;
  readonly medianTime: number;
  /** Of the block that is about to be. */
  readonly time: number;
}

/** The blocks of a chain, each as it is about to be made. */
function moments(start: number, { gaps, choices }: Miners): readonly Moment[] {
  const times: number[] = Array.from({ length: 11 }, (_, i) => start - 60 * (11 - i));
  let now = start;
  return gaps.map((gap, i) => {
    now += gap;
    const medianTime = [...times.slice(-11)].sort((a, b) => a - b)[5] ?? 0;
    const latest = Math.max(medianTime + 1, now + MOST_AHEAD);
    const time = medianTime + 1 + Math.floor(((latest - medianTime - 1) * (choices[i] ?? 0)) / 1_000);
    times.push(time);
    return { now, medianTime, time };
  });
}

/** Whether the block that is about to be may hold a refund: by the median where BIP113 binds, else by its own time. */
function mayHoldRefund({ coin, expiry }: Terms, { medianTime, time }: Moment): boolean {
  return (hasRule(coin, 'csv', TIP) ? medianTime : time) > expiry;
}

function isBegun(terms: Terms, medianTime: number, seconds: number): boolean {
  return isDue(terms, { tip: TIP, medianTime, now: seconds * 1_000 });
}

for (const coin of [dogecoin, litecoin, bitcoin]) {
  for (const contract of contracts.filter(({ expiresBy }) => expiresBy === 'time')) {
    describe(`${contract.id}, ${coin.id}: the margin`, () => {
      const { closingMargin } = coin.channel.span.time;
      const forMining = coin.channel.span.height.closingMargin * coin.blockSeconds;
      const terms: Terms = { ...sampleTerms({ coin, contract }), closingMargin };

      test('no clock wrong by two hours, and no times of blocks, let a refund be mined before closing has begun, with time for it to be mined', () => {
        let minable = 0;
        fc.assert(
          fc.property(miners, fc.integer({ min: -MOST_WRONG, max: MOST_WRONG }), fc.nat(30 * HOUR), (chosen, wrong, before) => {
            for (const moment of moments(terms.expiry - before, chosen).filter((one) => mayHoldRefund(terms, one))) {
              minable++;
              assert.ok(isBegun(terms, 0, moment.now - forMining + wrong));
            }
          }),
          { numRuns: 500 },
        );
        assert.ok(minable > 1_000, 'refunds were minable');
      });

      test('and it is no longer than that: a block at its earliest meets a payee whose clock is as late as it may be', () => {
        const now = terms.expiry - MOST_AHEAD + 1;
        const begins = now - forMining - MOST_WRONG;
        assert.ok(isBegun(terms, 0, begins));
        assert.ok(!isBegun({ ...terms, closingMargin: closingMargin - 2 }, 0, begins));
      });

      test('a clock that stands still does not keep it from closing when the blocks say that it is time', () => {
        assert.ok(isBegun(terms, terms.expiry - closingMargin, 0));
        assert.ok(!isBegun(terms, terms.expiry - closingMargin - 1, 0));
      });
    });
  }
}
