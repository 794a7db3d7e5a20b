import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { closingAt } from '../src/core/contract/contract.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { DuplexWorld } from './world/duplex-world.ts';
import { embedded } from './world/embedded.ts';
import { must } from './world/sample.ts';

const verifier = await fastestVerifier();

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`money back in a channel the other way, ${coin.id}`, () => {
    const open = async (options = {}): Promise<DuplexWorld> => {
      const regtest = new Regtest({ coin, verify: verifier.verify });
      regtest.mine(1_360);
      return DuplexWorld.open(embedded(regtest, verifier), options);
    };

    test('it is opened, paid in, and closed in time by the payer', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 10);
      await world.giveBack(channel, 4n);
      const { payee, payer } = await world.opposite(channel);
      assert.deepEqual([payee.best?.total, payer.best?.total], [world.price * 4n, world.price * 4n], world.refused.join());
      await world.giveBack(channel, 3n);
      assert.equal((await world.opposite(channel)).payee.best?.total, world.price * 7n);
      const { height } = await world.subject.chain.tip();
      await world.mine(closingAt(payee.terms) - height);
      await world.mine(coin.channel.buried + 1);
      const ended = (await world.opposite(channel)).payee;
      assert.ok(ended.kind === 'ended' && ended.how === 'closed', JSON.stringify(ended.kind));
      must(true);
    });
  });
}
