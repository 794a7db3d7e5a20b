import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { revocable } from '../src/core/contract/revocable.ts';
import { revocableCsv } from '../src/core/contract/revocable-csv.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { brokenBy } from './world/planted.ts';
import { type RevocableFault, revocableFaults } from './world/revocable-faults.ts';
import { type RevocableHistory, RevocableLife, revocableHistories } from './world/revocable-life.ts';

const verifier = await fastestVerifier();
const RUNS = 6;

describe('money goes up and down in a channel, whatever is lost and whoever dies', () => {
  for (const [coin, contract] of [
    [dogecoinRegtest, revocable],
    [litecoinRegtest, revocableCsv],
  ] as const) {
    test(`each side has its own at the end, ${contract.id} on ${coin.id}`, async () => {
      const property = fc.asyncProperty(revocableHistories, async (history) => {
        const life = await RevocableLife.open(coin, contract, verifier);
        await life.run(history);
      });
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    });
  }
});

function faultIn(history: RevocableHistory, { plant, store }: RevocableFault): Promise<unknown> {
  return brokenBy(plant, async () => (await RevocableLife.open(litecoinRegtest, revocableCsv, verifier, store)).run(history));
}

describe('a history notices when', () => {
  for (const fault of revocableFaults) {
    test(fault.name, async () => {
      let caught: unknown;
      for (const history of fault.histories) {
        assert.equal(await faultIn(history, { name: '', breaks: /./, histories: [] }), undefined, 'without it all is well');
        caught = await faultIn(history, fault);
        if (caught !== undefined) break;
      }
      assert.match(caught instanceof Error ? caught.message : 'no history notices', fault.breaks);
    });
  }
});
