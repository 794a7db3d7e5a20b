import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { opened, prepared, VALUE } from '../../../test/world/bitcoinj-channel.ts';
import { BitcoinjWorld } from '../../../test/world/bitcoinj-world.ts';
import { amount, feeFor } from '../../core/base/amount.ts';
import { encodeTransaction, type Transaction, transactionId } from '../../core/tx/transaction.ts';

const DOGE = 100_000_000n;

function paidBy({ outputs }: Transaction): bigint {
  return outputs.reduce((sum, { value }) => sum + value, 0n);
}

for (const major of [1, 2]) {
  describe(`a channel of version ${major}`, () => {
    test('basic: what the settlement pays the client, the merchant and the miners is all there is', async () => {
      const { world, payer, channel } = await opened({ major });
      for (let n = 1n; n <= 5n; n++) await payer.pay(channel, n * DOGE);
      const settlement = (await payer.settle()) ?? assert.fail();
      const [change, payout] = settlement.outputs;
      assert.equal(change?.value, VALUE - 5n * DOGE);
      assert.deepEqual(payout?.script, (await world.single()).terms.payeeScript);
      await world.mine(world.coin.channel.buried + 1);
      const state = await world.single();
      assert.deepEqual(state.kind === 'ended' && [state.how, state.received], ['closed', payout?.value]);
    });

    test('feesTest, serverAddsFeeTest: the fee comes out of the merchant’s part, and is what the network asks for', async () => {
      for (const total of [2n * DOGE, VALUE]) {
        const { world, payer, channel } = await opened({ major });
        await payer.pay(channel, total);
        const settlement = (total < VALUE ? await payer.settle() : await payer.hearsClose()) ?? assert.fail();
        const fee = VALUE - paidBy(settlement);
        assert.ok(fee >= feeFor(encodeTransaction(settlement).length, world.coin.policy.feeRate));
        assert.ok(fee < DOGE / 100n);
        assert.equal(total < VALUE ? settlement.outputs[0]?.value : 0n, VALUE - total);
        await world.mine(1);
        assert.equal(world.regtest.transaction(transactionId(settlement))?.depth, 1);
      }
    });

    test('a channel that has paid less than its settlement costs is not settled, and waits for more', async () => {
      const { world, payer, channel } = await opened({ major });
      await payer.pay(channel, 500_000n);
      assert.equal(await payer.settle(), undefined);
      assert.deepEqual(world.regtest.mempool(), [channel.txid]);
      const again = world.connect(1);
      await again.resume(channel);
      await again.pay(channel, DOGE);
      assert.ok(await again.settle());
    });

    test('repeatedChannels: one after the other, each by itself', async () => {
      const world = await BitcoinjWorld.open({ major });
      for (let n = 1n; n <= 3n; n++) {
        const payer = world.connect(1);
        const channel = await payer.open(VALUE);
        await payer.pay(channel, n * DOGE);
        assert.equal((await payer.settle())?.outputs[0]?.value, VALUE - n * DOGE);
        await world.mine(1);
      }
      const states = await world.channels();
      assert.deepEqual(states.map(({ best }) => best?.total).sort(), [DOGE, 2n * DOGE, 3n * DOGE]);
      assert.equal(new Set(states.map(({ terms }) => terms.payeeKey)).size, 3);
    });

    test('testDontResumeEmptyChannels: who names one that is used up gets the terms of another', async () => {
      const { world, payer, channel } = await opened({ major });
      await payer.pay(channel, VALUE);
      await payer.hearsClose();
      const again = world.connect(1);
      await again.greet({ previous: channel.txid });
      await again.hears('initiate');
    });

    test('stateErrors: payments behind the settlement, on the same line, are not looked at', async () => {
      const { world, payer, channel } = await opened({ major });
      await payer.say(payer.update(channel, VALUE), payer.update(channel, VALUE), { kind: 'close' }, payer.contractOf(channel));
      await payer.hears('payment-ack');
      const next = await payer.hear();
      if (next?.kind === 'payment-ack') await payer.hears('close');
      else assert.equal(next?.kind, 'close');
      assert.equal(await payer.hear(), undefined);
      assert.equal(world.told.filter(({ kind }) => kind === 'paid').length, 1);
      assert.deepEqual(world.faults, []);
    });

    test('more than is delivered before the deposit is deep enough is not taken, and is when it is', async () => {
      const { world, payer, channel } = await opened({ major, terms: { unconfirmed: amount(3n * DOGE) } });
      await payer.pay(channel, 3n * DOGE);
      await payer.say(payer.update(channel, 4n * DOGE));
      await payer.hearsError('OTHER');
      await world.mine(2);
      const again = world.connect(1);
      await again.resume(channel);
      await again.pay(channel, 5n * DOGE);
      assert.deepEqual(world.told.at(-1), { kind: 'paid', by: 2n * DOGE, total: 5n * DOGE });
    });

    test('a deposit that has left the chain: payments wait, and nothing is lost', async () => {
      const { world, payer, channel } = await prepared({ major, terms: { unconfirmed: amount(0n) } });
      await payer.secure(channel);
      await payer.say(payer.contractOf(channel, DOGE));
      await world.timers.isSet(3_600_000);
      const opened = payer.hears('channel-open');
      await world.mine(2);
      await opened;
      const [hash = ''] = [world.regtest.block(world.regtest.tip.height - 1)?.hash];
      world.regtest.invalidate(hash);
      await world.look();
      await payer.say(payer.update(channel, 2n * DOGE));
      await payer.hearsError('OTHER');
      assert.equal((await world.single()).best?.total, DOGE);
      await world.mine(3);
      const again = world.connect(1);
      await again.resume(channel);
      await again.pay(channel, 3n * DOGE);
    });
  });
}
