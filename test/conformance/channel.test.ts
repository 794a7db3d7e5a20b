import { describe, test } from 'node:test';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { embedded } from '../world/embedded.ts';
import { channelSuite } from './suite/channel.ts';

const verifier = await fastestVerifier();

// The same lives over JSON-RPC, on real daemons too, are in test/live/channel.live.ts.
for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`channels in the same process, ${coin.id}`, () => {
    const regtest = new Regtest({ coin, verify: verifier.verify });
    regtest.mine(1_360);
    channelSuite(test, coin, () => embedded(regtest, verifier));
  });
}
