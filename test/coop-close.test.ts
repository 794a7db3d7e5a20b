import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { amount } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { height } from '../src/core/base/height.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import type { Contract, Signing } from '../src/core/contract/contract.ts';
import { contracts } from '../src/core/contract/registry.ts';
import { closeSize } from '../src/core/contract/tx-size.ts';
import { decodeTransaction } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { paidOut } from './conformance/suite/channel/over.ts';
import { DEPTH } from './world/channel-sides.ts';
import { type ChannelSubject, ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { assertRefused, contractsOn, FLEXIBLE, must, sampleTerms, signingsOf } from './world/sample.ts';
import { shortTerms } from './world/short-terms.ts';
import { spentOtherwise } from './world/spent-otherwise.ts';

const coin = dogecoinRegtest;
const verifier = await fastestVerifier();
const regtest = new Regtest({ coin, verify: verifier.verify });
regtest.mine(1_360);
const subject: ChannelSubject = embedded(regtest, verifier);

function fixedFor(contract: Contract): Signing {
  return { kind: 'fixed', fee: amount((BigInt(closeSize(sampleTerms({ contract }), 2, 2)) * coin.policy.feeRate) / 500n) };
}

async function worldOf(contract: Contract, signing: Signing, unconfirmed?: bigint): Promise<ChannelWorld> {
  const free = unconfirmed === undefined ? {} : { unconfirmed: amount(unconfirmed) };
  const exposure = unconfirmed === undefined ? {} : { exposure: amount(unconfirmed * 10n) };
  return ChannelWorld.open(subject, { terms: { ...shortTerms(coin, contract), signing, ...free, depth: DEEP }, ...exposure });
}

const DEEP = [{ upTo: amount(10n ** 18n), blocks: DEPTH }];

/** What the payee was paid by what ended the channel. */
async function received(world: ChannelWorld, channel: ChannelId): Promise<readonly [string, bigint | undefined]> {
  const state = await world.payeeState(channel);
  return state.kind === 'ended' ? [state.how, state.received] : assert.fail(state.kind);
}

for (const contract of contractsOn(dogecoinRegtest)) {
  for (const signing of [fixedFor(contract), FLEXIBLE].filter(({ kind }) => signingsOf(contract).includes(kind))) {
    describe(`${contract.id}, ${signing.kind}: an agreed end does not cost the payee what was confirmed`, () => {
      test('when a reorganisation takes the top-up that it spends, and its coins go elsewhere', async () => {
        const world = await worldOf(contract, signing);
        const channel = await world.openChannel();
        await world.buy(channel, 20);
        await world.topUp(channel);
        const { reply } = must(await world.agent.end(channel, world.payee));
        assert.equal(reply.kind === 'ended' && reply.transaction.inputs.length, 2);
        const { height: tip } = await world.chain.tip();
        const double = await spentOtherwise(world, channel);
        await subject.invalidate(regtest.block(height(tip - DEPTH + 1))?.hash ?? assert.fail());
        assert.equal(regtest.mineBlock([double]).kind, 'mined');
        await world.mine(DEPTH);
        await world.bury();
        await paidOut(world, channel);
        const [how, got = 0n] = await received(world, channel);
        assert.equal(how, 'closed');
        assert.ok(got > 19n * world.price && got <= 20n * world.price, `${got}`);
      });

      test('a top-up that is not deep waits: nothing is agreed to that its payer could take back', async () => {
        const world = await worldOf(contract, signing, 10n ** 10n);
        const channel = await world.openChannel();
        await world.buy(channel, 20);
        must(await world.agent.fund(channel, world.deposit, world.payee));
        assert.equal(must(await world.agent.announce(channel, world.payee)).reply.kind, 'accepted');
        const refusal = await world.agent.end(channel, world.payee);
        assertRefused(refusal, 'funding-unconfirmed');
        assert.equal(refusal.remedy, 'wait');
        await world.buy(channel);
        await world.mine(DEPTH);
        const { reply } = must(await world.agent.end(channel, world.payee));
        assert.equal(reply.kind === 'ended' && reply.transaction.inputs.length, 2);
      });

      test('a top-up whose coins went elsewhere is not spent by the end, and does not keep it waiting', async () => {
        const world = await worldOf(contract, signing, 10n ** 10n);
        const channel = await world.openChannel();
        await world.buy(channel, 20);
        must(await world.agent.fund(channel, world.deposit, world.payee));
        assert.equal(must(await world.agent.announce(channel, world.payee)).reply.kind, 'accepted');
        assert.equal(regtest.mineBlock([await spentOtherwise(world, channel)]).kind, 'mined');
        await world.mine(1);
        await world.buy(channel);
        const { reply } = must(await world.agent.end(channel, world.payee));
        assert.equal(reply.kind === 'ended' && reply.transaction.inputs.length, 1);
        await world.bury();
        assert.deepEqual(await received(world, channel), ['closed', 21n * world.price]);
      });
    });
  }
}

describe('a stranger’s output that no block takes', () => {
  for (const unconfirmed of [undefined, 10n ** 10n]) {
    test(`keeps the channel neither from opening nor from ending${unconfirmed === undefined ? '' : ', out of the mempool too'}`, async () => {
      const world = await worldOf(contracts[0], { kind: 'flexible', slot: 0 }, unconfirmed);
      const offer = await world.offer();
      const { channel, terms } = must(await world.agent.plan(offer, await world.expiryIn(offer, 300), await world.freshScript()));
      must(await world.agent.fund(channel, world.deposit, world.payee));
      const [own] = (await world.payer(channel)).funding;
      const strange = regtest.fund(terms.contract.outputScript(terms), amount(coin.policy.dust * 3n)) ?? assert.fail();
      await world.look();
      assert.equal((await world.payer(channel)).offered.length, 2);
      assert.equal(regtest.mineBlock([decodeTransaction(own ?? assert.fail()) ?? assert.fail()]).kind, 'mined');
      for (let i = 1; i < DEPTH; i++) assert.equal(regtest.mineBlock([]).kind, 'mined');
      await world.look();
      const opened = must(await world.agent.announce(channel, world.payee));
      assert.deepEqual([opened.reply.kind, opened.state.deposits.length], ['accepted', 1]);
      await world.buy(channel, 20);
      const { reply } = must(await world.agent.end(channel, world.payee));
      assert.equal(reply.kind === 'ended' && reply.transaction.inputs.length, 1);
      assert.ok(regtest.mempool().includes(strange.txid));
      await world.bury();
      assert.deepEqual(await received(world, channel), ['closed', 20n * world.price]);
    });
  }
});
