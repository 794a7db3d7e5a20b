import { describe, test } from 'node:test';
import { asChain } from '../../src/chain/regtest/port.ts';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { describeNodes } from '../live/chain-rows.ts';
import { chainSuite } from './suite/chain.ts';

// Real daemons go through the same suite in test/live/chain.live.ts.
describeNodes(['embedded-dogecoin', 'embedded-litecoin']);

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`chain in the same process, ${coin.id}`, () => {
    const regtest = new Regtest({ coin });
    regtest.mine(1_360);
    chainSuite(test, () => ({
      chain: asChain(regtest),
      mine: async (blocks, payTo) => void regtest.mine(blocks, payTo === undefined ? {} : { payTo }),
      fund: async (address, value) => regtest.fund(address, value)?.txid ?? outOfMoney(),
      invalidate: async (hash) => void regtest.invalidate(hash),
    }));
  });
}

function outOfMoney(): never {
  throw new Error('the faucet is empty');
}
