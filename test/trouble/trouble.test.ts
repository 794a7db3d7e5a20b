import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { asChain } from '../../src/chain/regtest/port.ts';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import type { ChannelSubject } from '../world/channel-world.ts';
import { chainCalls, type FaultPlan } from '../world/faulty-chain.ts';
import { scenarios } from './scenarios.ts';
import { Trial } from './trial.ts';

const verifier = await fastestVerifier();
// All cases share one chain, of more blocks than a clock allows that only sees how long they take: each block lets it go on by a second.
let ahead = 0;
const regtest = new Regtest({ coin: dogecoinRegtest, verify: verifier.verify, now: () => Date.now() + ahead * 1000 });
regtest.mine(1_360);
const subject: ChannelSubject = {
  chain: asChain(regtest),
  verifier,
  mine: async (blocks) => {
    ahead += blocks;
    regtest.mine(blocks);
  },
  fund: async (address, value) => regtest.fund(address, value)?.txid ?? assert.fail('the faucet is empty'),
  invalidate: async (hash) => void regtest.invalidate(hash),
  setTime: async (seconds) => regtest.setTime(seconds === 0 ? undefined : seconds),
};

type Trouble = Omit<FaultPlan, 'calls'>;
const troubles: ReadonlyMap<string, Trouble> = new Map([
  ['fails once', { fault: 'down', times: 1 }],
  ['is refused once, the second time', { fault: 'refused', spare: 1, times: 1 }],
  ['fails for long', { fault: 'down' }],
  ['is refused for long', { fault: 'refused' }],
  ['is not answered', { fault: 'silent' }],
  ['is answered as before', { fault: 'stale' }],
  ['is answered as of some blocks ago', { fault: 'lagging' }],
  ['is answered with a lie', { fault: 'wrong' }],
  ['is answered with another lie', { fault: 'wrong', seed: 1 }],
]);
const asked = new Map([...chainCalls.map((call) => [call as string, [call]] as const), ['every call', chainCalls] as const]);

const counts = { cases: 0, struck: 0, doubts: 0 };

for (const scenario of scenarios) {
  describe(`${scenario.name}, while the ${scenario.side}'s node is in trouble`, () => {
    for (const [name, calls] of asked) {
      for (const [what, trouble] of troubles) {
        test(`${name} ${what}`, async () => {
          const trial = await Trial.open(subject, scenario);
          await scenario.run(trial, { ...trouble, calls });
          counts.cases++;
          counts.doubts += trial.doubts;
          if (trial.node.struck > 0) counts.struck++;
        });
      }
    }
  });
}

after(() => {
  console.log(
    `${counts.cases} cases, in ${counts.struck} of them a call went wrong; ${counts.doubts} times something new was asked for in doubt, and refused`,
  );
  assert.ok(counts.struck >= 400, 'most calls of each node are made in most scenarios');
});
