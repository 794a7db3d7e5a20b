import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chainCalls, type Fault, FaultyChain } from '../../test/world/faulty-chain.ts';
import { asChain } from '../chain/regtest/port.ts';
import { createRegtest } from '../chain/regtest/regtest.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { memoryStore } from '../store/memory.ts';
import { type Follower, follower } from './chain-follower.ts';
import { MAX_CHAIN_AGE, MAX_SILENCE } from './node-health.ts';

interface Seat {
  readonly node: FaultyChain;
  readonly follow: Follower;
  readonly time: { now: number };
  /** As a shop does: whatever becomes of it. */
  readonly look: () => Promise<unknown>;
}

async function start(): Promise<Seat> {
  const regtest = createRegtest({ coin });
  regtest.mine(3);
  const time = { now: 1_000_000 };
  const node = new FaultyChain(asChain(regtest));
  const follow = follower(
    node.chain,
    memoryStore(),
    {
      all: async function* () {
        yield* [];
      },
      observe: async () => true,
    },
    { now: () => time.now },
  );
  await follow.poll();
  return { node, follow, time, look: () => follow.poll().catch((error: unknown) => error) };
}

const down = { code: 'node-down', message: /not answered for 30 seconds/ };

describe('a node that is silent', () => {
  for (const fault of ['down', 'silent'] satisfies readonly Fault[]) {
    test(`(${fault}) has nothing new promised after thirty seconds, what was promised kept for ten minutes, and is relied on with its next answer`, async () => {
      const { node, follow, time, look } = await start();
      node.begin({ fault, calls: chainCalls });
      let looking = look();
      await new Promise(setImmediate);
      time.now += MAX_SILENCE;
      follow.ready();
      time.now++;
      assert.throws(() => follow.ready(), down);
      assert.equal(follow.report().unready?.code, 'node-down');
      assert.equal(follow.report().doubt, undefined);
      follow.trusted();
      time.now += MAX_CHAIN_AGE - MAX_SILENCE;
      assert.throws(() => follow.trusted(), { code: 'node-down' });
      node.heal();
      await looking;
      looking = look();
      assert.equal(await looking, undefined);
      follow.ready();
      follow.trusted();
    });
  }

  test('for a moment again and again, and answers in between: that is busy, and nothing is lost by it', async () => {
    const { node, follow, time, look } = await start();
    for (let moment = 0; moment < 100; moment++) {
      node.begin({ fault: 'down', calls: chainCalls, times: 1 });
      await look();
      time.now += MAX_SILENCE - 1_000;
      follow.ready();
      await look();
      time.now += 1_000;
      follow.ready();
    }
  });

  test('to one question of each look, and answers the others: that is not well', async () => {
    for (const call of ['mempool', 'status'] as const) {
      const { node, follow, time, look } = await start();
      node.begin({ fault: 'down', calls: [call] });
      for (let seconds = 0; seconds < 32; seconds++) {
        await look();
        time.now += 1_000;
      }
      assert.throws(() => follow.ready(), { code: 'node-down' }, call);
      node.heal();
      await look();
      follow.ready();
    }
  });

  test('that refuses is not silent: what it says stands in the way at once, and no longer than it says so', async () => {
    const { node, follow, look } = await start();
    node.begin({ fault: 'refused', calls: ['mempool'] });
    await look();
    assert.throws(() => follow.ready(), { code: 'node-refused' });
    assert.throws(() => follow.trusted(), { code: 'node-refused' });
    node.heal();
    await look();
    follow.ready();
  });

  test('nobody asks: whoever looks seldom is not told that the node is silent', async () => {
    const { follow, time } = await start();
    time.now += MAX_CHAIN_AGE;
    follow.ready();
    time.now++;
    assert.throws(() => follow.ready(), { code: 'node-down' });
  });
});
