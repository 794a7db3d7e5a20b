import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { coreRpc } from '../../src/chain/core-rpc.ts';
import type { ChannelId, TxId } from '../../src/core/base/bytes.ts';
import { closingAt } from '../../src/core/contract/contract.ts';
import { transactionId } from '../../src/core/tx/transaction.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { type ChannelSubject, ChannelWorld } from '../world/channel-world.ts';
import { pins } from '../world/pinned-world.ts';
import { flexibleContracts, must } from '../world/sample.ts';
import { type LiveNode, type NodeKind, startNode, whyWithout } from './node.ts';

/** Miners take what pays this many times less than it says, so far as they know: a fee that would do at other times does not. */
const SPIKE = 6n;
const MARGIN = 32;
const LIFETIME = 60;

interface Started extends ChannelSubject {
  readonly node: LiveNode;
  readonly stop: () => Promise<void>;
}

async function start(kind: NodeKind): Promise<Started> {
  // Miners give old coins a place whatever they pay, and a close is made of one: what is hindered would be mined all the same.
  const node = await startNode(kind, kind === 'dogecoind' ? ['-blockprioritysize=0'] : []);
  const { coin, rpcUrl: url, auth, rpc, mine, fund, stop } = node;
  return {
    node,
    chain: coreRpc(coin, { url, auth }),
    verifier: await fastestVerifier(),
    mine,
    fund,
    invalidate: async (hash) => void (await rpc('invalidateblock', [hash])),
    setTime: async (seconds) => void (await rpc('setmocktime', [seconds])),
    stop,
  };
}

/** Has the node's miner reckon with `SPIKE` times less fee for a transaction: what it then lacks, a replacement or a child must pay. */
async function hinder({ node }: Started, txid: TxId, fee: bigint): Promise<void> {
  await node.rpc('prioritisetransaction', [txid, 0, Number(-fee * SPIKE)]);
}

async function opened(subject: Started, contract: (typeof flexibleContracts)[number]): Promise<readonly [ChannelWorld, ChannelId]> {
  const world = await ChannelWorld.open(subject, { terms: { contract, closingMargin: MARGIN, minLifetime: LIFETIME } });
  const channel = await world.openChannel(LIFETIME);
  await world.buy(channel, 500);
  return [world, channel];
}

/** Mines to the expiry with both sides looking. What is hindered is not mined until it pays more. */
async function pressedUntilMined(world: ChannelWorld, channel: ChannelId, until: number): Promise<number> {
  for (;;) {
    const state = await world.payeeState(channel);
    const [deposit] = state.deposits;
    assert.ok(deposit !== undefined);
    const { height } = await world.chain.tip();
    if ((await world.chain.output(deposit.outpoint)) === undefined && (await isMined(world, channel))) return height;
    assert.ok(height < until, `not mined by ${until}`);
    await world.mine(1);
  }
}

async function isMined(world: ChannelWorld, channel: ChannelId): Promise<boolean> {
  const state = await world.payeeState(channel);
  if (state.kind !== 'closing') return state.kind === 'ended';
  return !(await world.chain.mempool()).includes(transactionId(state.transaction));
}

for (const kind of ['litecoind', 'dogecoind'] as const) {
  describe(`what is stuck, on ${kind}`, { skip: whyWithout(kind) ?? false }, () => {
    let started: Started | undefined;
    const subject = (): Started => started ?? assert.fail(`${kind} has not started`);
    before(async () => {
      started = await start(kind);
    });
    after(() => started?.stop());

    // A real node takes the times of its blocks from its own clock: channels that expire by time are tried on the embedded chain.
    for (const contract of flexibleContracts.filter(({ expiresBy }) => expiresBy === 'height')) {
      test(`${contract.id}: a close that miners leave out is paid more for, and is mined before the expiry`, async () => {
        const [world, channel] = await opened(subject(), contract);
        const { terms } = await world.payeeState(channel);
        await world.mineTo(closingAt(terms));
        const state = await world.payeeState(channel);
        if (state.kind !== 'closing') assert.fail(state.kind);
        const first = transactionId(state.transaction);
        await hinder(subject(), first, world.feeOf(state, state.transaction));
        await world.mine(1);
        assert.ok((await world.chain.mempool()).includes(first), 'the miner leaves it out');
        const minedAt = await pressedUntilMined(world, channel, terms.expiry);
        assert.ok(minedAt > closingAt(terms) + 1 && minedAt <= terms.expiry, `mined at ${minedAt}`);
        await world.bury();
        const ended = await world.payeeState(channel);
        assert.equal(ended.kind === 'ended' && ended.how, 'closed');
        assert.equal((await world.payer(channel)).kind, 'ended');
      });

      test(`${contract.id}: an agreed end that miners leave out is hurried by a child of either side`, async () => {
        const [world, channel] = await opened(subject(), contract);
        const { terms } = await world.payeeState(channel);
        const { reply } = must(await world.agent.end(channel, world.payee));
        if (reply.kind !== 'ended') assert.fail(reply.kind);
        const txid = transactionId(reply.transaction);
        await hinder(subject(), txid, world.feeOf(await world.payeeState(channel), reply.transaction));
        await world.mine(1);
        assert.ok((await world.chain.mempool()).includes(txid), 'the miner leaves it out');
        const minedAt = await pressedUntilMined(world, channel, terms.expiry);
        assert.ok(minedAt <= terms.expiry);
        await world.bury();
        const ended = await world.payeeState(channel);
        assert.equal(ended.kind === 'ended' && ended.how, 'closed');
      });

      for (const [name, pin] of Object.entries(pins)) {
        test(`${contract.id}: an agreed end that miners leave out is outpaid before the expiry, though its payer pins it by ${name}`, async () => {
          const [world, channel] = await opened(subject(), contract);
          world.watching.delete('payer');
          const { terms } = await world.payeeState(channel);
          const { reply } = must(await world.agent.end(channel, world.payee));
          if (reply.kind !== 'ended') assert.fail(reply.kind);
          const { transaction } = reply;
          await hinder(subject(), transactionId(transaction), world.feeOf(await world.payeeState(channel), transaction));
          const vout = transaction.outputs.findIndex(({ script }) => world.wallet.keyOf(script) !== undefined);
          const owner = world.wallet.keyOf(transaction.outputs[vout]?.script ?? assert.fail('nothing comes back')) ?? assert.fail();
          for (const child of pin({ transaction, vout, owner }, world.coin))
            assert.equal((await world.chain.broadcast(child)).kind, 'accepted');
          const minedAt = await pressedUntilMined(world, channel, terms.expiry);
          assert.ok(minedAt <= terms.expiry);
        });
      }
    }
  });
}
