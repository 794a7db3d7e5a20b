import { describe, test } from 'node:test';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { outcomeCases } from '../regtest/outcome-cases.ts';
import { embedded, World } from '../regtest/world.ts';

// Real daemons answer the same cases in test/live/outcomes.live.ts.
for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`what an embedded ${coin.id} answers to a transaction`, () => {
    for (const { name, run } of outcomeCases) test(name, async () => run(await World.open(embedded(coin))));
  });
}
