import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ChannelWorld } from '../../../test/world/channel-world.ts';
import { embedded } from '../../../test/world/embedded.ts';
import { must } from '../../../test/world/sample.ts';
import { asChain } from '../../chain/regtest/port.ts';
import { Regtest } from '../../chain/regtest/regtest.ts';
import { amount } from '../../core/base/amount.ts';
import { type ChannelId, equalBytes } from '../../core/base/bytes.ts';
import { height } from '../../core/base/height.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import { dogecoinRegtest as coin } from '../../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { revocable } from '../../core/contract/revocable.ts';
import { revocableCsv } from '../../core/contract/revocable-csv.ts';
import { type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { type Chain, WorldError } from '../../engine/ports.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { PenaltyWriter } from './file-writer.ts';
import { type PenaltyFolder, penaltyFolder } from './folder.ts';
import { type PenaltyReport, PenaltyWatcher } from './watcher.ts';

const verifier = await fastestVerifier();
const clock = { now: Date.now };

interface Setting {
  readonly regtest: Regtest;
  readonly world: ChannelWorld;
  readonly path: string;
  readonly folder: PenaltyFolder;
  readonly disk: { isFull: boolean };
  readonly writer: PenaltyWriter;
  readonly open: () => Promise<ChannelId>;
  readonly giveBack: (channel: ChannelId, times: number) => Promise<void>;
  /** A watcher that was just started. `asking`: as much as its node asks for. */
  readonly watcher: (asking?: bigint) => PenaltyWatcher;
}

/** Where a close can come back: held until a height, or for so many blocks from its own. */
const kinds = [
  { coin, contract: revocable },
  { coin: litecoinRegtest, contract: revocableCsv },
] as const;
type Kind = (typeof kinds)[number];

async function setting(t: TestContext, { coin, contract }: Kind = kinds[0]): Promise<Setting> {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const chain = asChain(regtest);
  const path = mkdtempSync(join(tmpdir(), 'pawment-penalty-'));
  t.after(() => rmSync(path, { recursive: true }));
  const folder = penaltyFolder(path);
  const disk = { isFull: false };
  const full: PenaltyFolder = {
    ...folder,
    write: async (file) => {
      if (disk.isFull) throw new WorldError('store-full', 'No room.', 'Make some.');
      await folder.write(file);
    },
  };
  const writers: PenaltyWriter[] = [];
  const world = await ChannelWorld.open(embedded(regtest, verifier, { chain }), {
    terms: { contract },
    punishing: (keys) => {
      const writer = new PenaltyWriter({ folder: full, chain, clock, keys });
      writers.push(writer);
      return { books: [writer], beforeStored: writer.beforeStored };
    },
  });
  let orders = 0;
  return {
    regtest,
    world,
    path,
    folder,
    disk,
    writer: writers[0] ?? assert.fail(),
    open: async () => {
      const channel = await world.openChannel(400);
      await world.buy(channel, 10);
      return channel;
    },
    giveBack: async (channel, times) => {
      must(await world.merchant.giveBack(channel, amount(world.price * BigInt(times)), `${orders++}`));
      must(await world.agent.refresh(channel, world.payee));
    },
    watcher: (asking) => {
      const dear: Chain = { ...chain, feeRate: async () => amount(asking ?? coin.policy.feeRate) };
      return new PenaltyWatcher({ folder, chain: dear, clock });
    },
  };
}

/** What the payee can close with at a state of its own. */
function closeOf({ world }: Setting, { terms, deposits, best, keyName }: PayeeState): Transaction {
  if (best === undefined) return assert.fail('nothing to close with');
  const signer = world.keys.payee.signer(keyName);
  return must(
    terms.contract.close([{ terms, deposits, payment: best, signer }], { script: terms.payeeScript, feeRate: terms.coin.policy.feeRate }),
  );
}

async function send({ world }: Setting, transaction: Transaction): Promise<void> {
  assert.deepEqual(await world.chain.broadcast(transaction), { kind: 'accepted' });
}

function standings({ channels }: PenaltyReport): readonly string[] {
  return channels.map(({ standing }) => standing);
}

function codes({ alarms }: PenaltyReport): readonly string[] {
  return alarms.map(({ code }) => code);
}

/** A channel of which nine of ten prices were given back, and whose payee has sent what it could close with before; both sides sleep. */
async function cheated(t: TestContext, kind?: Kind): Promise<Setting & { readonly channel: ChannelId; readonly close: Transaction }> {
  const made = await setting(t, kind);
  const channel = await made.open();
  const before = await made.world.payeeState(channel);
  await made.giveBack(channel, 9);
  made.world.watching.clear();
  const close = closeOf(made, before);
  await send(made, close);
  return { ...made, channel, close };
}

for (const kind of kinds) {
  test(`a revoked close is punished while its payer sleeps, by whoever has the payer’s file and a node: ${kind.contract.id}`, async (t) => {
    const { regtest, world, watcher, channel } = await cheated(t, kind);
    regtest.mine(1);
    const one = watcher();
    const first = await one.poll();
    assert.deepEqual([standings(first), codes(first)], [['punishing'], []]);
    const sent = first.sent.find(({ outcome }) => outcome.kind === 'accepted')?.transaction ?? assert.fail();
    const { returnScript } = await world.payer(channel);
    assert.ok(sent.outputs.length === 1 && equalBytes(sent.outputs[0]?.script ?? assert.fail(), returnScript));
    assert.deepEqual(await world.chain.mempool(), [transactionId(sent)]);
    regtest.mine(1);
    assert.deepEqual(standings(await one.poll()), ['punished']);
    regtest.mine(kind.coin.channel.buried);
    assert.deepEqual(standings(await one.poll()), ['over']);
    const again = await watcher().poll();
    assert.deepEqual([standings(again), codes(again)], [['over'], []], 'another that starts now sees the same');
  });

  test(`a close that is not revoked is let alone: ${kind.contract.id}`, async (t) => {
    const made = await setting(t, kind);
    const channel = await made.open();
    await made.giveBack(channel, 4);
    const own = made.watcher();
    assert.deepEqual(standings(await own.poll()), ['quiet']);
    made.world.watching.clear();
    await send(made, closeOf(made, await made.world.payeeState(channel)));
    for (const blocks of [0, 1, kind.coin.channel.buried]) {
      made.regtest.mine(blocks);
      const report = await own.poll();
      assert.deepEqual([report.sent, codes(report)], [[], []]);
      assert.deepEqual((await made.watcher().poll()).sent, []);
    }
    assert.deepEqual(standings(await own.poll()), ['over']);
  });

  test(`of several revoked hashes each is punished; with a file from before the last was revoked, all but that one: ${kind.contract.id}`, async (t) => {
    for (const isOld of [false, true]) {
      const made = await setting(t, kind);
      const channel = await made.open();
      const states = [await made.world.payeeState(channel)];
      await made.giveBack(channel, 2);
      states.push(await made.world.payeeState(channel));
      const file = join(made.path, `${channel}.penalty.json`);
      const kept = readFileSync(file, 'utf8');
      await made.giveBack(channel, 3);
      if (isOld) writeFileSync(file, kept);
      made.world.watching.clear();
      for (const [i, state] of states.entries()) {
        const tip = made.regtest.tip.hash;
        await send(made, closeOf(made, state));
        made.regtest.mine(1);
        const { sent } = await made.watcher().poll();
        assert.equal(sent.length > 0, !(isOld && i === 1), `hash ${i}, old ${isOld}`);
        const next = made.regtest.block(made.regtest.tip.height)?.hash ?? assert.fail();
        made.regtest.invalidate(next);
        assert.equal(made.regtest.tip.hash, tip);
        await made.world.forgetMempool();
        made.regtest.mine(1);
      }
    }
  });
}

test('a watcher that runs takes no older file for what it has read, nor a damaged one, and goes on with the others', async (t) => {
  const made = await setting(t);
  const channels = [await made.open(), await made.open()];
  const [channel = assert.fail(), other = assert.fail()] = channels;
  await made.giveBack(channel, 2);
  await made.giveBack(other, 2);
  const file = join(made.path, `${channel}.penalty.json`);
  const kept = readFileSync(file, 'utf8');
  const revoked = await made.world.payeeState(channel);
  await made.giveBack(channel, 2);
  const watcher = made.watcher();
  assert.deepEqual(codes(await watcher.poll()), []);
  writeFileSync(file, kept);
  assert.deepEqual(codes(await watcher.poll()), ['file-unreadable']);
  writeFileSync(file, kept.slice(0, -20));
  assert.deepEqual(codes(await watcher.poll()), ['file-unreadable']);
  made.world.watching.clear();
  await send(made, closeOf(made, revoked));
  made.regtest.mine(1);
  const report = await watcher.poll();
  assert.deepEqual(
    report.channels.map((one) => [one.file.channel, one.standing]).toSorted(),
    [
      [channel, 'punishing'],
      [other, 'quiet'],
    ].toSorted(),
  );
  assert.deepEqual(await made.world.chain.mempool(), [transactionId(report.sent[0]?.transaction ?? assert.fail())]);
  const fresh = await made.watcher().poll();
  assert.deepEqual([fresh.channels.map((one) => one.file.channel), codes(fresh)], [[other], ['file-unreadable']]);
});

test('a file that comes late lets nothing be forgotten that other files are about', async (t) => {
  const made = await setting(t);
  const [first, second] = [await made.open(), await made.open()];
  const [before, later] = [await made.world.payeeState(first), await made.world.payeeState(second)];
  await made.giveBack(first, 9);
  made.world.watching.clear();
  const watcher = made.watcher();
  await watcher.poll();
  await send(made, closeOf(made, before));
  made.regtest.mine(1);
  await watcher.poll();
  made.regtest.mine(2 * coin.channel.buried);
  assert.deepEqual(standings(await watcher.poll()), ['over']);
  await made.giveBack(second, 9);
  await send(made, closeOf(made, later));
  made.regtest.mine(1);
  const report = await watcher.poll();
  assert.deepEqual(standings(report), ['over', 'punishing']);
});

test('a reorganisation that takes the penalty away, or the close too, has it sent again', async (t) => {
  const { regtest, world, watcher, close } = await cheated(t);
  regtest.mine(1);
  const one = watcher();
  await one.poll();
  regtest.mine(2);
  assert.deepEqual(standings(await one.poll()), ['punished']);
  const mined = regtest.block(regtest.tip.height - 1)?.hash ?? assert.fail();
  regtest.invalidate(mined);
  await world.forgetMempool();
  for (let i = 0; i < 4; i++) regtest.mineBlock([]);
  const back = await one.poll();
  assert.deepEqual(standings(back), ['punishing']);
  const penalty = transactionId(back.sent.at(-1)?.transaction ?? assert.fail());
  assert.ok((await world.chain.mempool()).includes(penalty));
  regtest.mine(1);
  assert.deepEqual(standings(await one.poll()), ['punished']);
  const closed = await world.blockOf(close);
  regtest.invalidate(closed);
  for (let i = 0; i < 8; i++) regtest.mineBlock([]);
  await one.poll();
  regtest.mine(2);
  await one.poll();
  regtest.mine(1);
  assert.deepEqual(standings(await one.poll()), ['punished']);
});

test('a penalty that no block takes pays more the nearer the payout is, and a person is told in time', async (t) => {
  const { regtest, world, watcher, channel } = await cheated(t);
  regtest.mine(1);
  const { terms, returnScript } = await world.payer(channel);
  const payout = terms.contract.revocation?.payoutAt(terms) ?? assert.fail();
  const minFeeRate = amount(coin.policy.feeRate * 50n);
  const one = watcher();
  const paid: bigint[] = [];
  const told: boolean[] = [];
  const delay = terms.revocation?.payoutDelay ?? assert.fail();
  for (const quarter of [0.9, 0.7, 0.4, 0.2]) {
    const at = height(payout - Math.floor(delay * quarter));
    while (regtest.tip.height < at) regtest.mine(1, { minFeeRate });
    const report = await one.poll();
    told.push(codes(report).includes('penalty-late'));
    const [waiting = assert.fail('nothing waits')] = await world.chain.mempool();
    const { transaction } = (await world.chain.transaction(waiting)) ?? assert.fail();
    paid.push(transaction.outputs[0]?.value ?? 0n);
  }
  assert.deepEqual(told, [false, false, true, true]);
  assert.ok(
    paid.every((value, i) => i === 0 || value < (paid[i - 1] ?? 0n)),
    String(paid),
  );
  regtest.mine(1);
  const done = await one.poll();
  assert.deepEqual([standings(done), codes(done)], [['punished'], []]);
  assert.ok(regtest.tip.height < payout && returnScript.length > 0);
});

test('nothing counts as given back before the file holds its secret; the file goes when the channel has ended', async (t) => {
  const made = await setting(t);
  const { world, disk, folder, writer } = made;
  const channel = await made.open();
  disk.isFull = true;
  await assert.rejects(made.giveBack(channel, 4), { code: 'store-full' });
  assert.equal((await world.payer(channel)).revocation?.index, 0);
  assert.equal((await world.payer(channel)).signed, world.price * 10n);
  disk.isFull = false;
  must(await world.agent.refresh(channel, world.payee));
  assert.equal((await world.payer(channel)).signed, world.price * 6n);
  const read = await folder.read(channel);
  assert.ok(read !== undefined && !('kind' in read) && read.revocation.index === 1);
  await writer.run();
  assert.deepEqual(await folder.channels(), [channel]);
  must(await world.agent.end(channel, world.payee));
  await world.mine(1);
  const watcher = made.watcher();
  assert.deepEqual(standings(await watcher.poll()), ['quiet']);
  await world.bury();
  assert.equal((await world.payer(channel)).kind, 'ended');
  await writer.run();
  assert.deepEqual(await folder.channels(), []);
  const after = await watcher.poll();
  assert.deepEqual([standings(after), codes(after)], [['over'], []]);
  assert.deepEqual(standings(await watcher.poll()), []);
});

test('a store that was set back takes nothing out of its file', async (t) => {
  const made = await setting(t);
  const { world, folder, writer } = made;
  const channel = await made.open();
  await made.giveBack(channel, 2);
  const older = await world.payer(channel);
  await made.giveBack(channel, 2);
  writer.found(channel, older);
  await writer.run();
  const read = await folder.read(channel);
  assert.ok(read !== undefined && !('kind' in read));
  assert.equal(read.revocation.index, 2);
});
