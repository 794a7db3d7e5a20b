import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { amount } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { height } from '../src/core/base/height.ts';
import { isSame } from '../src/core/channel/deposit-view.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import type { Contract } from '../src/core/contract/contract.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { WatchWriter } from '../src/merchant/watchtower/file-writer.ts';
import { watchFolder } from '../src/merchant/watchtower/folder.ts';
import { Watcher } from '../src/merchant/watchtower/watcher.ts';
import { DEPTH } from './world/channel-sides.ts';
import { type Pin, PinnedWorld, pinnedChain, pins } from './world/pinned-world.ts';
import { flexibleContracts, must } from './world/sample.ts';
import { spentOtherwise } from './world/spent-otherwise.ts';

const verifier = await fastestVerifier();
const chain = pinnedChain(coin, verifier);
const HOUR = 3_600_000;
const UNPINNED: Pin = () => [];

interface Towered {
  readonly pinned: PinnedWorld;
  readonly channel: ChannelId;
  /** The merchant is gone for good from here on. @returns what its watcher does after every block. */
  readonly orphaned: () => () => Promise<unknown>;
}

/** A channel that is paid for, known to a watcher's folder. */
async function towered(t: TestContext, contract: Contract): Promise<Towered> {
  const path = mkdtempSync(join(tmpdir(), 'pawment-pin-'));
  t.after(() => rmSync(path, { recursive: true }));
  const folder = watchFolder(path);
  let silence = 0;
  const clock = { now: () => chain.regtest.chain.tip.block.header.time * 1000 + silence };
  const writers: WatchWriter[] = [];
  const pinned = await PinnedWorld.open(chain, verifier, {
    contract,
    books: (keys) => {
      writers.push(new WatchWriter({ coin, folder, keys, clock, onTrouble: (_, { kind }) => assert.fail(kind) }));
      return writers;
    },
  });
  const channel = await pinned.paid(40n);
  for (const writer of writers) await writer.run(pinned.world.merchant.engine.get, await pinned.world.chain.tip());
  const orphaned = (): (() => Promise<unknown>) => {
    pinned.world.watching.delete('payee');
    silence = HOUR;
    const watcher = new Watcher({ folder, chain: asChain(chain.regtest), clock });
    return async () => {
      const { sent } = await watcher.poll();
      for (const { outcome } of sent) assert.notEqual(outcome.kind, 'refused');
    };
  };
  return { pinned, channel, orphaned };
}

for (const contract of flexibleContracts.filter(({ form }) => form.sequence < 0xffff_fffe)) {
  describe(`${contract.id}: for a merchant that is silent, a watcher without keys`, () => {
    for (const [name, pin] of Object.entries(pins)) {
      test(`outpays a close that is held up by ${name}`, async (t) => {
        const { pinned, channel, orphaned } = await towered(t, contract);
        pinned.ask(2n);
        assert.ok((await pinned.robbed([channel], pin, orphaned())) > 0);
        assert.ok((await pinned.fateOf(channel))?.isMined);
      });

      test(`puts the best close in the place of an agreed end that is held up by ${name}`, async (t) => {
        const { pinned, channel, orphaned } = await towered(t, contract);
        const { reply } = must(await pinned.world.agent.end(channel, pinned.world.payee));
        if (reply.kind !== 'ended') assert.fail(reply.kind);
        pinned.ask(2n);
        assert.ok((await pinned.robbed([channel], pin, orphaned())) > 0);
        const fate = await pinned.fateOf(channel);
        assert.ok(fate?.isMined && !isSame(fate.transaction, reply.transaction));
      });
    }

    test('holds the best close while an end is agreed, and sends it when what the end spends besides is gone', async (t) => {
      const { pinned, channel, orphaned } = await towered(t, contract);
      const { world, regtest } = pinned;
      await world.topUp(channel);
      const { reply } = must(await world.agent.end(channel, world.payee));
      assert.equal(reply.kind === 'ended' && reply.transaction.inputs.length, 2);
      const double = await spentOtherwise(world, channel);
      await world.subject.invalidate(regtest.block(height(chain.tip - DEPTH + 1))?.hash ?? assert.fail());
      assert.equal(regtest.mineBlock([double]).kind, 'mined');
      await pinned.robbed([channel], UNPINNED, orphaned());
      const fate = await pinned.fateOf(channel);
      assert.ok(fate?.isMined);
      assert.equal(fate.transaction.inputs.length, 1);
    });

    test('control: leaves an agreed end alone that miners take, and one that is better than what it holds until little time is left', async (t) => {
      const { pinned, channel, orphaned } = await towered(t, contract);
      const { reply } = must(await pinned.world.agent.end(channel, pinned.world.payee));
      if (reply.kind !== 'ended') assert.fail(reply.kind);
      pinned.market.minFeeRate = amount(10n ** 12n);
      const look = orphaned();
      const expiry = await pinned.expiryOf(channel);
      const isWaiting = async (): Promise<boolean> => {
        const fate = await pinned.fateOf(channel);
        return fate !== undefined && !fate.isMined && isSame(fate.transaction, reply.transaction);
      };
      while (chain.tip < expiry - 5) {
        await pinned.world.mine(1);
        await look();
        assert.ok(await isWaiting(), `${expiry - chain.tip} blocks before the expiry`);
      }
      pinned.ask(1n);
      await pinned.robbed([channel], UNPINNED, look);
      const fate = await pinned.fateOf(channel);
      assert.ok(fate?.isMined && isSame(fate.transaction, reply.transaction));
    });
  });
}
