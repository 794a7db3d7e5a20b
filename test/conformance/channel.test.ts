import { describe, test } from 'node:test';
import { asChain } from '../../src/chain/regtest/port.ts';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { channelSuite } from '../../src/testing/channel-suite.ts';

const verifier = await fastestVerifier();

// The same lives over JSON-RPC, on real daemons too, are in test/live/channel.live.ts.
for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`channels in the same process, ${coin.id}`, () => {
    const regtest = new Regtest({ coin, verify: verifier.verify });
    regtest.mine(1_360);
    channelSuite(test, () => ({
      chain: asChain(regtest),
      verifier,
      mine: async (blocks) => void regtest.mine(blocks),
      fund: async (address, value) => regtest.fund(address, value)?.txid ?? outOfMoney(),
      invalidate: async (hash) => void regtest.invalidate(hash),
      setTime: async (seconds) => regtest.setTime(seconds === 0 ? undefined : seconds),
    }));
  });
}

function outOfMoney(): never {
  throw new Error('the faucet is empty');
}
