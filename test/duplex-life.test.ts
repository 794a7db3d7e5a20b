import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { type DuplexFault, duplexFaults } from './world/duplex-faults.ts';
import { type DuplexHistory, DuplexLife, duplexHistories } from './world/duplex-life.ts';
import { brokenBy } from './world/planted.ts';

const verifier = await fastestVerifier();
/** Histories in which a planted fault has to show. */
const MOST_HISTORIES = 60;
const RUNS = 6;

describe('two channels, one each way, whatever is lost and whoever dies', () => {
  for (const coin of [dogecoinRegtest, litecoinRegtest]) {
    test(`each side has its own at the end, ${coin.id}`, async () => {
      const property = fc.asyncProperty(duplexHistories, async (history) => {
        const life = await DuplexLife.open(coin, verifier);
        await life.run(history);
      });
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    });
  }
});

function faultIn(history: DuplexHistory, { plant, through }: DuplexFault): Promise<unknown> {
  return brokenBy(plant, async () => (await DuplexLife.open(dogecoinRegtest, verifier, through)).run(history));
}

describe('a history notices when', () => {
  for (const fault of duplexFaults) {
    test(fault.name, async () => {
      let caught: unknown;
      for (const history of fault.histories ?? fc.sample(duplexHistories, { numRuns: MOST_HISTORIES, seed: 1 })) {
        caught = await faultIn(history, fault);
        if (caught !== undefined) break;
      }
      assert.match(caught instanceof Error ? caught.message : 'no history notices', fault.breaks);
    });
  }
});
