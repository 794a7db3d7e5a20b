import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChannelWorld } from '../../../test/world/channel-world.ts';
import { embedded } from '../../../test/world/embedded.ts';
import { asChain } from '../../chain/regtest/port.ts';
import { Regtest } from '../../chain/regtest/regtest.ts';
import { dogecoinRegtest as coin } from '../../core/coin/dogecoin.ts';
import { closingAt } from '../../core/contract/contract.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { WatchWriter } from './file-writer.ts';
import { watchFolder } from './folder.ts';
import { payeeValue } from './payee-value.ts';
import { Watcher } from './watcher.ts';

const verifier = await fastestVerifier();
const MARGIN = 8;
const MINUTE = 60_000;

/** Blocks, counted from the closing height, during which somebody is away. */
interface Outage {
  readonly from: number;
  readonly to: number;
}

const outage = fc
  .tuple(fc.integer({ min: -4, max: MARGIN + 2 }), fc.integer({ min: 0, max: MARGIN + 6 }))
  .map(([from, length]): Outage => ({ from, to: from + length }));
const outages = fc.array(outage, { maxLength: 3 });

function isAway(all: readonly Outage[], at: number): boolean {
  return all.some(({ from, to }) => at >= from && at < to);
}

/** Lives through the margin block by block; every block somebody is there for may close, and the next one mines what there is. */
async function live(merchantAway: readonly Outage[], watcherAway: readonly Outage[]): Promise<{ readonly isClosed: boolean }> {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const chain = asChain(regtest);
  const path = mkdtempSync(join(tmpdir(), 'pawment-outage-'));
  const folder = watchFolder(path);
  const clock = { time: 1_000_000 * MINUTE };
  const now = { now: () => clock.time };
  const writers: WatchWriter[] = [];
  const world = await ChannelWorld.open(embedded(regtest, verifier, { chain }), {
    terms: { closingMargin: MARGIN, minLifetime: 20 },
    books: (keys) => {
      writers.push(new WatchWriter({ coin, folder, keys, clock: now, onTrouble: (_, { kind }) => assert.fail(kind) }));
      return writers;
    },
  });
  try {
    const channel = await world.openChannel(20);
    await world.buy(channel, 2);
    const write = async (): Promise<void> => {
      for (const writer of writers) await writer.run(world.merchant.engine.get, await chain.tip());
    };
    await write();
    const { terms, deposits, best } = await world.payeeState(channel);
    const closing = closingAt(terms);
    world.watching.delete('payee');
    for (let height = regtest.tip.height; height < terms.expiry; height++) {
      if (height > regtest.tip.height) await world.mine(1);
      clock.time += 5 * MINUTE;
      if (!isAway(merchantAway, height - closing)) {
        await world.merchant.engine.follower.poll();
        await write();
      }
      // Restarted each time: it keeps nothing.
      if (!isAway(watcherAway, height - closing)) await new Watcher({ folder, chain, clock: now }).poll();
    }
    await world.mine(1);
    await world.mine(coin.channel.buried + 1);
    const end = await world.payer(channel);
    assert.equal(end.kind, 'ended');
    const isClosed = end.kind === 'ended' && end.how === 'closed';
    if (isClosed)
      assert.equal(
        end.transactions.reduce((sum, close) => sum + payeeValue({ terms, deposits }, close), 0n),
        best?.total,
      );
    return { isClosed };
  } finally {
    rmSync(path, { recursive: true });
  }
}

/** Whether either was there in time: the merchant at any block of the margin, the watcher at one where it may act, and a block left to mine it. */
function wasSomebodyThere(merchantAway: readonly Outage[], watcherAway: readonly Outage[]): boolean {
  const blocks = Array.from({ length: MARGIN }, (_, at) => at);
  return blocks.some((at) => !isAway(merchantAway, at) || (at >= MARGIN / 4 && !isAway(watcherAway, at)));
}

test('whatever the outages, the best total is closed in time if merchant or watcher is there within the margin', async () => {
  const seen = { closed: 0, lost: 0 };
  await fc.assert(
    fc.asyncProperty(outages, outages, async (merchantAway, watcherAway) => {
      const { isClosed } = await live(merchantAway, watcherAway);
      if (wasSomebodyThere(merchantAway, watcherAway)) assert.ok(isClosed);
      seen[isClosed ? 'closed' : 'lost']++;
    }),
    { numRuns: 15, endOnFailure: true },
  );
  assert.ok(seen.closed > 0);
});

test('with nobody there through the whole margin the payer has it all back', async () => {
  const all = [{ from: -4, to: MARGIN + 100 }];
  assert.deepEqual(await live(all, all), { isClosed: false });
  assert.deepEqual(await live(all, [{ from: -4, to: MARGIN - 1 }]), { isClosed: true });
  assert.deepEqual(await live([{ from: -4, to: MARGIN - 1 }], all), { isClosed: true });
});
