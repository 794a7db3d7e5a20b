import { asChain } from '../../src/chain/regtest/port.ts';
import type { Regtest } from '../../src/chain/regtest/regtest.ts';
import type { Verifier } from '../../src/engine/verifier.ts';
import type { ChannelSubject } from './channel-world.ts';

/** The embedded chain as the subject of a channel world. `instead` is what a test puts in the place of parts of it. */
export function embedded(regtest: Regtest, verifier: Verifier, instead: Partial<ChannelSubject> = {}): ChannelSubject {
  return {
    chain: asChain(regtest),
    verifier,
    mine: async (blocks) => void regtest.mine(blocks),
    fund: async (address, value) => {
      const funded = regtest.fund(address, value);
      if (funded === undefined) throw new Error('the faucet is empty');
      return funded.txid;
    },
    invalidate: async (hash) => void regtest.invalidate(hash),
    setTime: async (seconds) => regtest.setTime(seconds === 0 ? undefined : seconds),
    ...instead,
  };
}
