import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../src/core/base/amount.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { sameOutpoint } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { ChannelWorld, codeOf } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { must } from './world/sample.ts';

const verifier = await fastestVerifier();

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);

  /** A world whose miners ask for more from a moment on that the test chooses; the node's estimate says so, or does not know. */
  const opened = async (): Promise<{ readonly world: ChannelWorld; readonly ask: (factor: bigint, estimate: bigint) => void }> => {
    let minFeeRate: Amount = coin.policy.feeRate;
    let feeRate: Amount = coin.policy.feeRate;
    const world = await ChannelWorld.open(
      embedded(regtest, verifier, {
        chain: { ...asChain(regtest), feeRate: async () => feeRate },
        mine: async (blocks) => void regtest.mine(blocks, { minFeeRate }),
      }),
    );
    const ask = (factor: bigint, estimate: bigint): void => {
      minFeeRate = amount(coin.policy.feeRate * factor);
      feeRate = amount(coin.policy.feeRate * estimate);
    };
    return { world, ask };
  };

  describe(`${coin.id}: fees rise while a transaction waits`, () => {
    test('an agreed end gets a child from the payer’s wallet, and everything comes to where it should', async () => {
      const { world, ask } = await opened();
      const channel = await world.openChannel();
      await world.buy(channel, 3);
      must(await world.agent.end(channel, world.payee));
      ask(4n, 4n);
      await world.mine(1);
      await world.mine(1);
      const [spent] = (await world.payer(channel)).deposits;
      assert.ok(spent !== undefined && regtest.pool.spenderOf(spent.outpoint) === undefined, 'it is mined');
      await world.bury();
      const [payer, payee] = [await world.payer(channel), await world.payeeState(channel)];
      assert.deepEqual([payer.kind, payee.kind], ['ended', 'ended']);
      assert.equal(payee.kind === 'ended' && payee.received, world.price * 3n);
    });

    test('a merchant’s close is mined before the expiry although no estimate knew', async () => {
      const { world, ask } = await opened();
      const channel = await world.openChannel(60);
      await world.payUpTo(channel, world.price * 500n);
      const { terms, deposits } = await world.active(channel);
      // Litecoin's mempools replace nothing, and this payout key is not at hand: the close has to be right the first time.
      ask(10n, coin === litecoinRegtest ? 10n : 1n);
      const { height } = await world.chain.tip();
      for (let at: number = height; at < terms.expiry; at++) await world.mine(1);
      const spender = [0, 1, 2, 3, 4]
        .flatMap((back) => regtest.block(terms.expiry - back)?.transactions ?? [])
        .find(({ transaction }) =>
          transaction.inputs.some((input) => deposits.some(({ outpoint }) => sameOutpoint(outpoint, input.outpoint))),
        );
      assert.ok(spender !== undefined && spender.transaction.lockTime === 0, 'the close, and in time');
      assert.equal(codeOf(await world.agent.pay(channel, { amount: world.price }, world.payee)), 'margin-reached');
    });
  });
}
