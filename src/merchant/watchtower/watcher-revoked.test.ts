import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ChannelWorld } from '../../../test/world/channel-world.ts';
import { embedded } from '../../../test/world/embedded.ts';
import { must } from '../../../test/world/sample.ts';
import { asChain } from '../../chain/regtest/port.ts';
import { Regtest } from '../../chain/regtest/regtest.ts';
import { amount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { height } from '../../core/base/height.ts';
import { dogecoinRegtest as coin } from '../../core/coin/dogecoin.ts';
import { closingAt } from '../../core/contract/contract.ts';
import { revocable } from '../../core/contract/revocable.ts';
import type { Chain } from '../../engine/ports.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { WatchWriter } from './file-writer.ts';
import { watchFolder } from './folder.ts';
import { Watcher, type WatchReport } from './watcher.ts';

const verifier = await fastestVerifier();

interface Lender {
  readonly world: ChannelWorld;
  readonly channel: ChannelId;
  readonly giveBack: (times: number) => Promise<void>;
  /** A look of the watcher in which something happens between its look at the folder and the one at the chain. */
  readonly watch: (meanwhile?: () => Promise<void>) => Promise<WatchReport>;
  readonly beat: () => Promise<void>;
}

/** A merchant with a watcher on the same folder, and a channel with ten purchases; the merchant closes nothing by itself. */
async function lender(t: TestContext): Promise<Lender> {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const chain = asChain(regtest);
  const path = mkdtempSync(join(tmpdir(), 'pawment-watch-'));
  t.after(() => rmSync(path, { recursive: true }));
  const folder = watchFolder(path);
  const clock = { time: 1e12 };
  const writers: WatchWriter[] = [];
  const world = await ChannelWorld.open(embedded(regtest, verifier, { chain }), {
    terms: { contract: revocable },
    books: (keys) => {
      writers.push(
        new WatchWriter({ coin, folder, keys, clock: { now: () => clock.time }, onTrouble: (_, { kind }) => assert.fail(kind) }),
      );
      return writers;
    },
    beforeRevoking: async ({ engine }, channel) => {
      for (const writer of writers) await writer.settle(channel, engine.get, engine.follower.seen().tip);
    },
  });
  const channel = await world.openChannel(400);
  await world.buy(channel, 10);
  const { engine } = world.merchant;
  const beat = async (): Promise<void> => {
    clock.time += 60_000;
    for (const writer of writers) await writer.run(engine.get, await chain.tip());
  };
  await beat();
  let then: (() => Promise<void>) | undefined;
  const slow: Chain = {
    ...chain,
    status: async () => {
      const now = then;
      then = undefined;
      await now?.();
      return chain.status();
    },
  };
  const watcher = new Watcher({ folder, chain: slow, clock: { now: () => clock.time } });
  let orders = 0;
  return {
    world,
    channel,
    giveBack: async (times) => {
      must(await world.merchant.giveBack(channel, amount(world.price * BigInt(times)), `${orders++}`));
      must(await world.agent.refresh(channel, world.payee));
    },
    watch: (meanwhile) => {
      then = meanwhile;
      return watcher.poll();
    },
    beat,
  };
}

for (const times of [4, 10]) {
  test(`a watcher whose look takes long closes with nothing that was revoked meanwhile: ${times} of 10 prices`, async (t) => {
    const { world, channel, giveBack, watch } = await lender(t);
    await watch();
    const { terms } = await world.payeeState(channel);
    const { sent } = await watch(async () => {
      await giveBack(times);
      world.watching.clear();
      await world.mineTo(height(closingAt(terms) + Math.ceil(terms.closingMargin / 4) + 1));
    });
    const held = sent.map(({ transaction }) => transaction.outputs.at(-1)?.value);
    assert.deepEqual(held, times === 10 ? [] : [world.price * BigInt(10 - times)]);
  });
}

test('a watcher that had no reason to look again closes all the same', async (t) => {
  const { world, channel, watch } = await lender(t);
  await watch();
  const { terms } = await world.payeeState(channel);
  const { sent } = await watch(async () => {
    world.watching.clear();
    await world.mineTo(height(closingAt(terms) + Math.ceil(terms.closingMargin / 4) + 1));
  });
  assert.deepEqual(
    sent.map(({ transaction }) => transaction.outputs.at(-1)?.value),
    [world.price * 10n],
  );
});
