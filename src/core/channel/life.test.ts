import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Action, actions, DOGE, Life, punish, settle } from '../../../test/world/channel-life.ts';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { contractsOn, signingsOf } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Signing } from '../contract/contract.ts';

const signings: readonly Signing[] = [
  { kind: 'flexible', slot: 0 },
  { kind: 'fixed', fee: amount((2n * DOGE) / 100n) },
];

/** One of the histories in which something is given back, and closed with all the same. */
const STOLEN: Action[] = [
  { kind: 'buy', price: DOGE, loss: 'none' },
  { kind: 'give-back', parts: 50, loss: 'none' },
];

for (const contract of contractsOn(dogecoinRegtest)) {
  for (const signing of signings.filter(({ kind }) => signingsOf(contract).includes(kind))) {
    test(`${contract.id}, ${signing.kind}: whatever happens to messages and memories, no unit is lost`, () => {
      const found = { receipts: 0, givenBack: 0, punished: 0 };
      fc.assert(
        fc.property(fc.array(actions, { minLength: 1, maxLength: 25 }), fc.nat(100), fc.boolean(), (sequence, which, isThief) => {
          const life = new Life(new MachinePair({ contract, signing }).open(5n * DOGE));
          life.check();
          for (const action of sequence) {
            life.act(action);
            life.check();
          }
          life.assertAlive();
          life.check();
          found.receipts += life.receipts;
          found.givenBack += life.givenBack;
          const revoked = life.revoked();
          const stolen = isThief ? revoked[which % Math.max(1, revoked.length)] : undefined;
          if (stolen === undefined) return settle(life);
          found.punished++;
          punish(life, stolen);
        }),
        { numRuns: 40, examples: [[STOLEN, 0, true]] },
      );
      assert.ok(found.receipts > 40, 'payments were taken');
      if (contract.revocation !== undefined) assert.ok(found.givenBack > 0 && found.punished > 0, 'and given back');
    });
  }
}
