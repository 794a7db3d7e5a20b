import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { isSame } from '../src/core/channel/deposit-view.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import type { Transaction } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import type { CloseResult } from '../src/merchant/shared-close.ts';
import { type Pin, PinnedWorld, pinnedChain, pins } from './world/pinned-world.ts';
import { flexibleContracts, must } from './world/sample.ts';

const verifier = await fastestVerifier();
const UNPINNED: Pin = () => [];
/** Blocks that leave two margins for a close that others share, also where the time may be ahead of the median by two hours. */
const LIFETIMES = { height: 60, time: 200 } as const;

function sentFor(settled: readonly CloseResult[], channel: ChannelId): Transaction {
  const one = settled.find((other) => other.channel === channel);
  return one !== undefined && 'transaction' in one ? one.transaction : assert.fail('nothing was sent');
}

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const chain = pinnedChain(coin, verifier);
  for (const contract of flexibleContracts) {
    const isReplaced = coin.policy.replacement !== 'never' && contract.form.sequence < 0xffff_fffe;
    const opened = async (): Promise<{
      readonly pinned: PinnedWorld;
      readonly drained: readonly ChannelId[];
      readonly open: ChannelId;
    }> => {
      const pinned = await PinnedWorld.open(chain, verifier, { contract, life: LIFETIMES[contract.expiresBy] });
      const { world } = pinned;
      await world.subject.fund(await world.wallet.receiveAddress(), world.deposit);
      await world.mine(1);
      const open = await pinned.paid(40n);
      return { pinned, drained: [await pinned.paid(100n), await pinned.paid(100n)], open };
    };

    describe(`${contract.id}, ${coin.id}: channels that are settled at once`, () => {
      for (const [name, pin] of Object.entries(pins)) {
        test(`${name}: the one with change is held up by itself, and outpaid; what is shared has no output for it`, async () => {
          const { pinned, drained, open } = await opened();
          const [first = assert.fail(), second = assert.fail()] = drained;
          const settled = await pinned.world.merchant.settle([open, ...drained]);
          const shared = sentFor(settled, first);
          assert.ok(isSame(shared, sentFor(settled, second)) && !isSame(shared, sentFor(settled, open)));
          assert.deepEqual([shared.inputs.length, shared.outputs.length], [2, 1]);
          pinned.ask(isReplaced ? 2n : 8n);
          const taken = await pinned.robbed([first, second, open], pin);
          assert.ok(taken > 0);
          for (const channel of [first, second, open]) assert.ok((await pinned.fateOf(channel))?.isMined);
        });
      }

      test('and an agreed end beside them: nobody touches it that was not told to', async () => {
        const { pinned, drained, open } = await opened();
        const { reply } = must(await pinned.world.agent.end(open, pinned.world.payee));
        if (reply.kind !== 'ended') assert.fail(reply.kind);
        const settled = await pinned.world.merchant.settle(drained);
        assert.equal(sentFor(settled, drained[0] ?? assert.fail()).inputs.length, 2);
        await pinned.robbed([...drained, open], UNPINNED);
        const fate = await pinned.fateOf(open);
        assert.ok(fate?.isMined && isSame(fate.transaction, reply.transaction));
      });

      test('and an agreed end among them, pinned: its own close goes alone, the others together', async () => {
        const { pinned, drained, open } = await opened();
        const { reply } = must(await pinned.world.agent.end(open, pinned.world.payee));
        if (reply.kind !== 'ended') assert.fail(reply.kind);
        const settled = await pinned.world.merchant.settle([...drained, open]);
        assert.equal(sentFor(settled, drained[0] ?? assert.fail()).inputs.length, 2);
        assert.equal(sentFor(settled, open).inputs.length, 1);
        pinned.ask(isReplaced ? 2n : 8n);
        await pinned.robbed([...drained, open], pins['a family filled by tiny children'] ?? assert.fail());
        for (const channel of [...drained, open]) assert.ok((await pinned.fateOf(channel))?.isMined);
        const fate = await pinned.fateOf(open);
        assert.equal(fate !== undefined && isSame(fate.transaction, reply.transaction), !isReplaced);
      });
    });
  }
}
