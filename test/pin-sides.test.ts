import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { feeFor } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { isSame } from '../src/core/channel/deposit-view.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import type { Signing } from '../src/core/contract/contract.ts';
import { closeSize } from '../src/core/contract/tx-size.ts';
import type { Transaction } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { PinnedWorld, pinnedChain, pins } from './world/pinned-world.ts';
import { flexibleContracts, must, sampleTerms } from './world/sample.ts';

const verifier = await fastestVerifier();

interface Agreed {
  readonly pinned: PinnedWorld;
  readonly channel: ChannelId;
  readonly end: Transaction;
}

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const chain = pinnedChain(coin, verifier);
  for (const contract of flexibleContracts) {
    const fixed: Signing = { kind: 'fixed', fee: feeFor(closeSize(sampleTerms({ coin, contract }), 1, 2), coin.policy.feeRate) };
    for (const signing of [{ kind: 'flexible', slot: 0 } as const, fixed]) {
      const isReplaced = signing.kind === 'flexible' && coin.policy.replacement !== 'never' && contract.form.sequence < 0xffff_fffe;

      describe(`${contract.id}, ${coin.id}, ${signing.kind}: an agreed end that its payer pins`, () => {
        const agreed = async (isCold: boolean): Promise<Agreed> => {
          const pinned = await PinnedWorld.open(chain, verifier, { contract, signing, isCold });
          const channel = await pinned.paid(40n);
          const { reply } = must(await pinned.world.agent.end(channel, pinned.world.payee));
          return reply.kind === 'ended' ? { pinned, channel, end: reply.transaction } : assert.fail(reply.kind);
        };

        for (const [name, pin] of Object.entries(pins)) {
          for (const isCold of isReplaced ? [false, true] : [false]) {
            test(`by ${name}${isCold ? ', paid to a cold key' : ''}: it is outpaid before the expiry`, async () => {
              const { pinned, channel, end } = await agreed(isCold);
              pinned.ask(isReplaced ? 2n : 8n);
              assert.ok((await pinned.robbed([channel], pin)) > 0, 'there was something to hold up');
              const fate = (await pinned.fateOf(channel)) ?? assert.fail('nothing took the deposit');
              assert.ok(fate.isMined);
              if (!isReplaced) assert.ok(isSame(fate.transaction, end), 'a child of the payee’s lifts it');
              else if (isCold) assert.ok(!isSame(fate.transaction, end), 'the best payment takes its place');
              await pinned.world.bury();
              const state = await pinned.world.payeeState(channel);
              assert.equal(state.kind === 'ended' && state.how, 'closed');
              assert.ok(((state.kind === 'ended' && state.received) || 0n) * 2n >= (pinned.world.deposit * 40n) / 100n);
            });
          }
        }

        test('control: where miners take it, it is mined, whatever is built on it', async () => {
          const { pinned, channel, end } = await agreed(false);
          assert.ok((await pinned.robbed([channel], pins['a family filled by tiny children'] ?? assert.fail())) > 0);
          const fate = await pinned.fateOf(channel);
          assert.ok(fate?.isMined && isSame(fate.transaction, end));
        });
      });
    }
  }
}
