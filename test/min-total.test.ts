import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { amount } from '../src/core/base/amount.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { assertRefused, must } from './world/sample.ts';

const verifier = await fastestVerifier();

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`what is paid while miners ask for thirty times the usual, ${coin.id}`, () => {
    const regtest = new Regtest({ coin, verify: verifier.verify });
    regtest.mine(1_360);
    const subject = embedded(regtest, verifier);
    const rates = { payer: coin.policy.feeRate, payee: coin.policy.feeRate };
    const nodes = {
      payer: { ...asChain(regtest), feeRate: async () => rates.payer },
      payee: { ...asChain(regtest), feeRate: async () => rates.payee },
    };
    const high = amount(coin.policy.feeRate * 30n);
    const open = async (): Promise<{
      readonly world: ChannelWorld;
      readonly channel: Awaited<ReturnType<ChannelWorld['openChannel']>>;
    }> => {
      Object.assign(rates, { payer: coin.policy.feeRate, payee: coin.policy.feeRate });
      const world = await ChannelWorld.open(subject, { nodes });
      return { world, channel: await world.openChannel() };
    };

    test('is as much as a close costs then, the rest is credit, and the close that is made then pays out', async () => {
      const { world, channel } = await open();
      Object.assign(rates, { payer: high, payee: high });
      await world.mine(1);
      await world.buy(channel, 3);
      const { best, spent } = await world.payeeState(channel);
      assert.ok(best !== undefined && best.total > world.price * 3n && spent === world.price * 3n);
      // Where nothing is replaced it goes out with what pays for it.
      const { broadcasts } = must(await world.merchant.close(channel));
      assert.ok(broadcasts.every(({ outcome }) => 'kind' in outcome && outcome.kind === 'accepted'));
      const last = broadcasts.at(-1)?.transaction ?? assert.fail();
      assert.ok(world.paidTo(last, world.payeeScript) >= coin.policy.dust);
      await world.bury();
      assert.equal((await world.payeeState(channel)).kind, 'ended');
    });

    test('is no more than the payer’s own node can account for: else the least is said, and nothing is paid', async () => {
      const { world, channel } = await open();
      rates.payee = high;
      await world.mine(1);
      const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
      const refusal = await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee);
      assertRefused(refusal, 'total-too-small');
      const { least = '' } = refusal.detail;
      assert.ok(BigInt(least) > world.price);
      assert.equal((await world.payeeState(channel)).best, undefined);
      rates.payee = coin.policy.feeRate;
      await world.mine(1);
      await world.buy(channel);
      assert.equal((await world.payeeState(channel)).best?.total, world.price);
    });
  });
}
