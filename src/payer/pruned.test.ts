import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChannelWorld } from '../../test/world/channel-world.ts';
import { embedded } from '../../test/world/embedded.ts';
import { must } from '../../test/world/sample.ts';
import { asChain } from '../chain/regtest/port.ts';
import { Regtest } from '../chain/regtest/regtest.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { type Chain, WorldError } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';

const verifier = await fastestVerifier();
/** Blocks that the node of the one who is away keeps: more than a reorganisation takes, as every node does. */
const KEPT = coin.channel.buried + 10;
const AWAY = KEPT + 50;

type Side = 'payer' | 'payee';

interface Scene {
  readonly world: ChannelWorld;
  /** Blocks come and one side sees none of them, nor does its node keep the first. */
  readonly away: (during?: () => Promise<unknown>, blocks?: number) => Promise<void>;
  /** It is back. */
  readonly back: () => Promise<void>;
}

async function scene(side: Side): Promise<Scene> {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const whole = asChain(regtest);
  const block: Chain['block'] = async (at) => {
    if (at + KEPT <= regtest.tip.height) throw new WorldError('node-pruned', `block ${at} is deleted`, 'None.');
    return whole.block(at);
  };
  const world = await ChannelWorld.open(embedded(regtest, verifier), { nodes: { [side]: { ...whole, block } } });
  const mine = side === 'payer' ? (['wallet', 'payer'] as const) : (['payee'] as const);
  const gone = new Map(mine.map((name) => [name, world.watching.get(name) ?? assert.fail()]));
  return {
    world,
    away: async (during, blocks = AWAY) => {
      for (const name of gone.keys()) world.watching.delete(name);
      await world.mine(1);
      await during?.();
      await world.mine(blocks);
    },
    back: async () => {
      for (const [name, look] of gone) world.watching.set(name, look);
      await world.look();
    },
  };
}

describe('a payer that was away for longer than its node keeps blocks', () => {
  test('refunds what has expired meanwhile, and gets it', async () => {
    const { world, away, back } = await scene('payer');
    const channel = await world.openChannel(100);
    world.watching.delete('payee');
    await away(undefined, AWAY + 100);
    await back();
    await world.bury();
    const state = await world.payer(channel);
    assert.ok(state.kind === 'ended' && state.how === 'refunded', state.kind);
    assert.ok(state.returned > 0n);
    assert.ok(world.agent.engine.follower.report().missed > 0, 'how many blocks it never saw is said');
  });

  test('pays on from what it stored, and ends by agreement', async () => {
    const { world, away, back } = await scene('payer');
    const channel = await world.openChannel(1_000);
    await world.buy(channel, 2);
    await away();
    await back();
    await world.buy(channel, 2);
    must(await world.agent.end(channel, world.payee));
    await world.bury();
    const state = await world.payer(channel);
    assert.ok(state.kind === 'ended' && state.how === 'closed', state.kind);
    assert.ok((await world.wallet.balance()).confirmed > 0n);
  });

  test('opens another channel with what its wallet kept', async () => {
    const { world, away, back } = await scene('payer');
    await away();
    await back();
    await world.buy(await world.openChannel(1_000));
  });

  test('gives up nothing at once that was closed unseen; what it can not know it does not claim', async () => {
    const { world, away, back } = await scene('payer');
    const channel = await world.openChannel(1_000);
    await world.buy(channel, 2);
    await away(() => world.close(channel));
    await back();
    assert.ok(['open', 'paused', 'closing'].includes((await world.payer(channel)).kind), (await world.payer(channel)).kind);
    assert.ok(world.agent.engine.follower.report().missed > 0);
  });
});

describe('a merchant that was away for longer than its node keeps blocks', () => {
  test('closes with the best total that it stored', async () => {
    const { world, away, back } = await scene('payee');
    const channel = await world.openChannel(1_000);
    await world.buy(channel, 3);
    const total = (await world.payeeState(channel)).best?.total ?? assert.fail();
    await away();
    await back();
    await world.close(channel);
    await world.bury();
    const state = await world.payeeState(channel);
    assert.ok(state.kind === 'ended' && state.how === 'closed', state.kind);
    assert.ok((state.received ?? 0n) >= total / 2n);
  });

  test('takes payments again', async () => {
    const { world, away, back } = await scene('payee');
    const channel = await world.openChannel(1_000);
    await away();
    await back();
    await world.buy(channel, 2);
  });
});
