import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invoiceRequest } from '../../test/world/asking.ts';
import { ChannelWorld } from '../../test/world/channel-world.ts';
import { embedded } from '../../test/world/embedded.ts';
import { chainCalls, FaultyChain } from '../../test/world/faulty-chain.ts';
import { must } from '../../test/world/sample.ts';
import { asChain } from '../chain/regtest/port.ts';
import { Regtest } from '../chain/regtest/regtest.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { MAX_SILENCE } from '../engine/node-health.ts';
import { fastestVerifier } from '../engine/verifier.ts';

const down = { name: 'WorldError', code: 'node-down' };

test('with its node gone for thirty seconds a merchant gives no offer and no invoice; an invoice from before is still paid', async () => {
  const verifier = await fastestVerifier();
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const time = { now: Date.now() };
  const node = new FaultyChain(asChain(regtest));
  const world = await ChannelWorld.open(embedded(regtest, verifier), { nodes: { payee: node.chain }, clock: { now: () => time.now } });
  const channel = await world.openChannel(100);
  const { answer, engine } = world.merchant;
  const invoice = await answer(await invoiceRequest(world.agent, channel, 'tea'));
  assert.equal(invoice.kind, 'invoice');

  node.begin({ fault: 'down', calls: chainCalls });
  await assert.rejects(engine.follower.poll(), down);
  assert.equal((await answer({ kind: 'offer-request' })).kind, 'offer', 'a moment is not enough');
  time.now += MAX_SILENCE + 1;
  await assert.rejects(engine.follower.poll(), down);
  await assert.rejects(answer({ kind: 'offer-request' }), down);
  await assert.rejects(async () => answer(await invoiceRequest(world.agent, channel, 'tea')), down);
  const paid = must(await world.agent.pay(channel, { amount: world.price }, world.payee));
  assert.equal(paid.reply.kind, 'receipt');

  node.heal();
  await engine.follower.poll();
  assert.equal((await answer({ kind: 'offer-request' })).kind, 'offer');
});
