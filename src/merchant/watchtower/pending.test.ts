import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ChannelWorld } from '../../../test/world/channel-world.ts';
import { embedded } from '../../../test/world/embedded.ts';
import { must } from '../../../test/world/sample.ts';
import { Regtest } from '../../chain/regtest/regtest.ts';
import { amount, feeFor } from '../../core/base/amount.ts';
import { dogecoinRegtest as coin } from '../../core/coin/dogecoin.ts';
import { cltvMultisig as contract } from '../../core/contract/cltv-multisig.ts';
import { closeSize } from '../../core/contract/tx-size.ts';
import { hash160 } from '../../core/tx/script.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { WatchWriter } from './file-writer.ts';
import { watchFolder } from './folder.ts';

test('a watcher closes with what is pending, though the total is the same; what was settled or given up is in no file', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'pawment-pending-'));
  t.after(() => rmSync(path, { recursive: true }));
  const verifier = await fastestVerifier();
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const folder = watchFolder(path);
  const clock = { time: 1e12 };
  const writers: WatchWriter[] = [];
  const fee = amount(10n * feeFor(closeSize({ contract }, 1, 2), coin.policy.feeRate));
  const world = await ChannelWorld.open(embedded(regtest, verifier), {
    terms: { contract, signing: { kind: 'fixed', fee } },
    isForwarding: true,
    books: (keys) => {
      writers.push(
        new WatchWriter({ coin, folder, keys, clock: { now: () => clock.time }, onTrouble: (_, { kind }) => assert.fail(kind) }),
      );
      return writers;
    },
  });
  const channel = await world.openChannel();
  const { agent, merchant, payee, price } = world;
  const { terms } = await world.payer(channel);
  const { hashLocks = assert.fail() } = terms.contract;
  await world.buy(channel);
  const preimages = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
  const locks = preimages.map((preimage) => ({
    amount: amount(price * 2n),
    hash: hash160(preimage),
    expiry: hashLocks.leastExpiry(terms),
  }));
  const pendingInFile = async (): Promise<number> => {
    clock.time += 60_000;
    for (const writer of writers) await writer.run(merchant.engine.get, await world.chain.tip());
    const held = await folder.read(channel);
    if (held === undefined || 'kind' in held) return assert.fail('a file');
    assert.equal(held.total, (await world.payeeState(channel)).best?.total);
    return hashLocks.outputs(terms, held.closes[0], locks).length;
  };
  assert.equal(await pendingInFile(), 0);
  for (const [i, lock] of locks.entries()) {
    must(await agent.lock(channel, { lock }, payee));
    assert.equal(await pendingInFile(), i + 1);
  }
  must(await merchant.giveUp(channel, locks[0]?.hash ?? assert.fail()));
  must(await merchant.reveal(channel, preimages[1] ?? assert.fail()));
  must(await agent.fate(channel, locks[1]?.hash ?? assert.fail(), payee));
  assert.equal(await pendingInFile(), 2);
  must(
    await agent.settle(
      channel,
      locks.map(({ hash }) => hash),
      payee,
    ),
  );
  assert.equal(await pendingInFile(), 0);
  assert.equal((await world.payeeState(channel)).best?.total, price * 3n);
});
