import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ChannelWorld } from '../../../test/world/channel-world.ts';
import { embedded } from '../../../test/world/embedded.ts';
import { asChain } from '../../chain/regtest/port.ts';
import { Regtest } from '../../chain/regtest/regtest.ts';
import { type Amount, amount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { height } from '../../core/base/height.ts';
import { dogecoinRegtest as coin } from '../../core/coin/dogecoin.ts';
import { closingAt, type Signing } from '../../core/contract/contract.ts';
import { costOf } from '../../core/contract/fee.ts';
import { decodeTransaction, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import type { Chain } from '../../engine/ports.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { type Watched, writeWatched } from './file-format.ts';
import { WatchWriter } from './file-writer.ts';
import { type WatchFolder, watchFolder } from './folder.ts';
import { payeeValue } from './payee-value.ts';
import { type Alarm, Watcher, type WatchReport } from './watcher.ts';

const verifier = await fastestVerifier();
/** Room for a grace of six blocks, and for each quarter. */
const MARGIN = 24;
const MINUTE = 60_000;

interface Towered {
  readonly world: ChannelWorld;
  readonly regtest: Regtest;
  readonly path: string;
  readonly folder: WatchFolder;
  readonly troubles: string[];
  readonly clock: { time: number };
  /** The merchant's job: everything that is due is written, and the heartbeat. */
  readonly write: () => Promise<void>;
  /** A watcher that has just been started, on a node whose fee rate may be another. */
  readonly watcher: (feeRate?: Amount) => Watcher;
}

async function towered(t: TestContext, signing: Signing = { kind: 'flexible', slot: 0 }): Promise<Towered> {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const chain = asChain(regtest);
  const path = mkdtempSync(join(tmpdir(), 'pawment-watch-'));
  t.after(() => rmSync(path, { recursive: true }));
  const folder = watchFolder(path);
  const clock = { time: 1_000_000 * MINUTE };
  const troubles: string[] = [];
  const writers: WatchWriter[] = [];
  const world = await ChannelWorld.open(embedded(regtest, verifier, { chain }), {
    terms: { closingMargin: MARGIN, minLifetime: 60, signing },
    books: (keys) => {
      const onTrouble = (_: ChannelId, trouble: { readonly kind: string }): void => void troubles.push(trouble.kind);
      const writer = new WatchWriter({ coin, folder, keys, clock: { now: () => clock.time }, onTrouble });
      writers.push(writer);
      return writers;
    },
  });
  const write = async (): Promise<void> => {
    clock.time += MINUTE;
    for (const writer of writers) await writer.run(world.merchant.engine.get, await chain.tip());
  };
  const watcher = (feeRate?: Amount): Watcher => {
    const node: Chain = feeRate === undefined ? chain : { ...chain, feeRate: async () => feeRate };
    return new Watcher({ folder, chain: node, clock: { now: () => clock.time } });
  };
  return { world, regtest, path, folder, troubles, clock, write, watcher };
}

function codesOf(report: WatchReport): readonly Alarm['code'][] {
  return report.alarms.map(({ code }) => code);
}

function sentBy(report: WatchReport): readonly (readonly [string, string])[] {
  return report.sent.map(({ transaction, outcome }) => [transactionId(transaction), outcome.kind]);
}

/** A channel with three purchases, known to the folder; closing begins `MARGIN` blocks before its expiry. */
async function sold({ world, write }: Towered): Promise<ChannelId> {
  const channel = await world.openChannel();
  await world.buy(channel, 3);
  await write();
  return channel;
}

async function watchedOf({ folder }: Towered, channel: ChannelId): Promise<Watched> {
  const read = await folder.read(channel);
  return read !== undefined && !('kind' in read) ? read : assert.fail('there is no such file');
}

/** The payee sees nothing from here on, and so does nothing. */
function kill({ world }: Towered): void {
  world.watching.delete('payee');
}

async function mineTo(tower: Towered, at: number): Promise<void> {
  await tower.world.mineTo(height(at));
}

describe('what a merchant gives to its watchers', () => {
  test('a file for each channel that holds a payment: no key in it, every close whole, ascending and of the best total', async (t) => {
    const tower = await towered(t);
    const { world, write, folder, path } = tower;
    const channel = await world.openChannel();
    await write();
    assert.deepEqual(await folder.channels(), []);
    await world.payUpTo(channel, coin.policy.dust * 100n);
    await write();
    const state = await world.payeeState(channel);
    const watched = await watchedOf(tower, channel);
    assert.equal(watched.total, state.best?.total);
    assert.ok(watched.closes.length >= 4);
    for (const close of watched.closes) assert.equal(payeeValue(watched, close), watched.total);
    const fees = watched.closes.map((close) => costOf(close, watched.deposits)?.fee ?? 0n);
    assert.deepEqual(
      fees,
      fees.toSorted((a, b) => (a < b ? -1 : 1)),
    );
    assert.ok(fees.every((fee) => fee === fees[0] || fee * 2n <= watched.total));
    const text = readFileSync(join(path, `${channel}.json`), 'utf8');
    assert.equal(writeWatched(watched), text);
    assert.ok(!text.includes(state.keyName));
    assert.equal((await folder.heartbeat())?.tip, (await world.chain.tip()).height);
  });

  test('a better payment replaces the file, not on every payment; a lower one never does', async (t) => {
    const tower = await towered(t);
    const { world, write, clock, troubles, folder } = tower;
    const channel = await sold(tower);
    const before = await watchedOf(tower, channel);
    await world.buy(channel);
    clock.time -= MINUTE;
    await write();
    assert.deepEqual(await watchedOf(tower, channel), before);
    await write();
    const after = await watchedOf(tower, channel);
    assert.ok(after.total > before.total);
    // A merchant that came back with an older store finds the better file, and leaves it.
    const onTrouble = (_: ChannelId, { kind }: { readonly kind: string }): void => void troubles.push(kind);
    const older = new WatchWriter({ coin, folder, keys: world.keys.payee, clock: { now: () => clock.time }, onTrouble });
    const state = await world.active(channel);
    const old = { ...state, best: { ...(state.best ?? assert.fail()), total: before.total } };
    older.found(channel, old);
    await older.run(async () => old, await world.chain.tip());
    assert.deepEqual(troubles, ['file-better']);
    assert.deepEqual(await watchedOf(tower, channel), after);
  });

  test('the file stays until the end is buried', async (t) => {
    const tower = await towered(t);
    const { world, write, folder } = tower;
    const channel = await sold(tower);
    await world.close(channel);
    await world.mine(1);
    await write();
    assert.deepEqual(await folder.channels(), [channel]);
    await world.bury();
    await write();
    assert.deepEqual(await folder.channels(), []);
  });

  test('what was left by a merchant that stopped is removed at the start, once it is over', async (t) => {
    const tower = await towered(t);
    const { world, folder, clock } = tower;
    const channel = await sold(tower);
    await world.close(channel);
    await world.mine(1);
    await world.bury();
    assert.deepEqual(await folder.channels(), [channel]);
    const next = new WatchWriter({
      coin,
      folder,
      keys: world.keys.payee,
      clock: { now: () => clock.time },
      onTrouble: () => assert.fail(),
    });
    await next.run(world.merchant.engine.get, await world.chain.tip());
    assert.deepEqual(await folder.channels(), []);
  });
});

for (const signing of [
  { kind: 'flexible', slot: 0 },
  { kind: 'fixed', fee: amount(coin.policy.dust) },
] as const) {
  describe(`a merchant that is gone for good, ${signing.kind}`, () => {
    test('is closed for at the closing height, with the best total', async (t) => {
      const tower = await towered(t, signing);
      const { world, clock, regtest } = tower;
      const channel = await sold(tower);
      const state = await world.payeeState(channel);
      kill(tower);
      clock.time += 11 * MINUTE;
      const watcher = tower.watcher();
      await mineTo(tower, closingAt(state.terms) - 1);
      const early = await watcher.poll();
      assert.deepEqual([sentBy(early), codesOf(early)], [[], ['merchant-silent']]);
      await mineTo(tower, closingAt(state.terms));
      const due = await watcher.poll();
      assert.deepEqual(
        due.sent.map(({ outcome }) => outcome.kind),
        ['accepted'],
      );
      const close = due.sent[0]?.transaction ?? assert.fail();
      assert.equal(payeeValue(state, close), state.best?.total);
      regtest.mine(1);
      const mined = await watcher.poll();
      assert.deepEqual([sentBy(mined), mined.channels[0]?.standing], [[], 'mined']);
      regtest.mine(coin.channel.buried);
      assert.equal((await watcher.poll()).channels[0]?.standing, 'buried');
    });
  });
}

describe('a living merchant', () => {
  test('has a quarter of the margin for itself, and then is closed for', async (t) => {
    const tower = await towered(t);
    const { world, write } = tower;
    const channel = await sold(tower);
    const { terms } = await world.payeeState(channel);
    kill(tower);
    const watcher = tower.watcher();
    const grace = closingAt(terms) + MARGIN / 4;
    await mineTo(tower, grace - 1);
    await write();
    assert.deepEqual(sentBy(await watcher.poll()), []);
    await mineTo(tower, grace);
    await write();
    const report = await watcher.poll();
    assert.deepEqual(
      report.sent.map(({ outcome }) => outcome.kind),
      ['accepted'],
    );
    assert.deepEqual(report.alarms, []);
  });

  test('closes by itself, and its watcher sends nothing', async (t) => {
    const tower = await towered(t);
    const { world, write } = tower;
    const channel = await sold(tower);
    const { terms } = await world.payeeState(channel);
    const watcher = tower.watcher();
    const sent: string[] = [];
    for (let height = closingAt(terms) - 1; height < terms.expiry + coin.channel.buried; height++) {
      await mineTo(tower, height);
      await write();
      const report = await watcher.poll();
      sent.push(...sentBy(report).map(([txid]) => txid));
      assert.deepEqual(codesOf(report), []);
    }
    assert.deepEqual(sent, []);
    const state = await world.payeeState(channel);
    assert.ok(state.kind === 'ended' && state.how === 'closed');
  });

  test('and its watcher at once, on nodes that hear late of each other: one close is mined, of the best total', async (t) => {
    const tower = await towered(t);
    const { world, write, clock } = tower;
    const channel = await sold(tower);
    const { terms } = await world.payeeState(channel);
    await mineTo(tower, closingAt(terms) - 1);
    // The watcher takes the merchant for dead and is first.
    world.watching.delete('payee');
    clock.time += 11 * MINUTE;
    await mineTo(tower, closingAt(terms));
    const first = await tower.watcher().poll();
    assert.equal(first.sent.length, 1);
    world.watching.set('payee', world.merchant.engine.follower.poll);
    await world.look();
    await write();
    const second = await tower.watcher().poll();
    assert.deepEqual(sentBy(second), []);
    await world.mine(1);
    await world.bury();
    const state = await world.payeeState(channel);
    assert.ok(state.kind === 'ended' && state.how === 'closed' && state.transaction !== undefined);
    assert.equal(payeeValue(state, state.transaction), state.best?.total);
  });
});

test('a close that is not mined is raised as the expiry nears, within the share that the danger justifies; and an alarm is given', async (t) => {
  const tower = await towered(t);
  const { world, clock, regtest } = tower;
  const channel = await world.openChannel();
  await world.payUpTo(channel, coin.policy.dust * 1_000n);
  await tower.write();
  const { terms, deposits, best } = await world.payeeState(channel);
  kill(tower);
  clock.time += 11 * MINUTE;
  const watcher = tower.watcher();
  const fees: bigint[] = [];
  for (let height = closingAt(terms); height < terms.expiry; height++) {
    const missing = height - regtest.tip.height;
    // Miners that leave the close out.
    for (let i = 0; i < missing; i++) assert.equal(regtest.mineBlock([]).kind, 'mined');
    const report = await watcher.poll();
    for (const { transaction, outcome } of report.sent) {
      assert.equal(outcome.kind, 'accepted');
      fees.push(costOf(transaction, deposits)?.fee ?? assert.fail());
    }
    const isLate = (terms.expiry - height) * 2 <= MARGIN;
    assert.equal(codesOf(report).includes('close-late'), isLate, `${height}`);
  }
  assert.ok(fees.length >= 3, String(fees));
  assert.deepEqual(
    fees,
    fees.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  assert.ok((fees.at(-1) ?? 0n) * 2n <= (best?.total ?? 0n));
});

describe('a watcher', () => {
  test('that is restarted at every block does the same as one that is not', async (t) => {
    const tower = await towered(t);
    const { world, clock, regtest } = tower;
    const channel = await sold(tower);
    const { terms, best } = await world.payeeState(channel);
    kill(tower);
    clock.time += 11 * MINUTE;
    const sent: Transaction[] = [];
    for (let height = closingAt(terms) - 1; height < terms.expiry; height++) {
      if (height > regtest.tip.height) regtest.mine(height - regtest.tip.height);
      sent.push(...(await tower.watcher().poll()).sent.map(({ transaction }) => transaction));
    }
    assert.equal(sent.length, 1);
    const [close] = sent;
    assert.equal(close && payeeValue({ terms, deposits: (await world.payeeState(channel)).deposits }, close), best?.total);
    assert.equal((await tower.watcher().poll()).channels[0]?.standing, 'mined');
  });

  test('sends its close again when a reorganisation or the mempool loses it', async (t) => {
    const tower = await towered(t);
    const { world, clock, regtest } = tower;
    const channel = await sold(tower);
    const { terms } = await world.payeeState(channel);
    kill(tower);
    clock.time += 11 * MINUTE;
    const watcher = tower.watcher();
    await mineTo(tower, closingAt(terms));
    const [first] = sentBy(await watcher.poll());
    await world.forgetMempool();
    regtest.mine(1);
    const [again] = sentBy(await watcher.poll());
    assert.deepEqual(again, first);
    const [hash] = regtest.mine(1);
    assert.equal((await watcher.poll()).channels[0]?.standing, 'mined');
    regtest.invalidate(hash ?? '');
    for (let i = 0; i < 2; i++) regtest.mineBlock([]);
    await world.forgetMempool();
    regtest.mineBlock([]);
    assert.deepEqual(sentBy(await watcher.poll()), [first]);
  });

  test('whose file is older than what the merchant closes with leaves the better close alone', async (t) => {
    const tower = await towered(t);
    const { world, clock } = tower;
    const channel = await sold(tower);
    await world.buy(channel, 2);
    const { terms, best } = await world.payeeState(channel);
    const older = await watchedOf(tower, channel);
    assert.ok(older.total < (best?.total ?? 0n));
    clock.time += 11 * MINUTE;
    await mineTo(tower, closingAt(terms));
    const mempool = await world.chain.mempool();
    assert.equal(mempool.length, 1);
    const report = await tower.watcher().poll();
    assert.deepEqual([sentBy(report), report.channels[0]?.standing], [[], 'waiting']);
    assert.deepEqual(await world.chain.mempool(), mempool);
  });

  test('contests a close that pays less than the best it holds', async (t) => {
    const tower = await towered(t);
    const { world, write, clock } = tower;
    const channel = await sold(tower);
    const old = await watchedOf(tower, channel);
    await world.payUpTo(channel, coin.policy.dust * 100n);
    await write();
    kill(tower);
    clock.time += 11 * MINUTE;
    assert.equal((await world.chain.broadcast(old.closes[0])).kind, 'accepted');
    const watcher = tower.watcher();
    const report = await watcher.poll();
    assert.deepEqual(codesOf(report), ['merchant-silent', 'worse-spend']);
    assert.deepEqual(
      report.sent.map(({ outcome }) => outcome.kind),
      ['accepted'],
    );
    const { deposits, terms, best } = await world.payeeState(channel);
    const [there] = await world.chain.mempool();
    const close = report.sent[0]?.transaction ?? assert.fail();
    assert.equal(transactionId(close), there);
    assert.equal(payeeValue({ terms, deposits }, close), best?.total);
    await world.subject.mine(1);
    assert.deepEqual([codesOf(await watcher.poll())], [['merchant-silent']]);
  });

  test('does not leave a close that others share to wait for ever, once its merchant is gone', async (t) => {
    const tower = await towered(t);
    const { world, write, clock, regtest } = tower;
    const [first, second] = [await world.openChannel(), await world.openChannel()];
    for (const channel of [first, second]) await world.payUpTo(channel, world.deposit);
    await write();
    await world.merchant.settle([first, second]);
    const [shared] = await world.chain.mempool();
    kill(tower);
    clock.time += 11 * MINUTE;
    const { terms, deposits } = await world.payeeState(first);
    const minFeeRate = amount(coin.policy.feeRate * 10n);
    while ((await world.chain.tip()).height < closingAt(terms)) regtest.mine(1, { minFeeRate });
    assert.deepEqual(await world.chain.mempool(), [shared]);
    const report = await tower.watcher(minFeeRate).poll();
    assert.ok(report.sent.some(({ outcome }) => outcome.kind === 'accepted'));
    regtest.mine(1, { minFeeRate });
    for (const { outpoint } of deposits) assert.equal(await world.chain.output(outpoint), undefined);
    assert.ok(!(await world.chain.mempool()).includes(shared ?? assert.fail()));
  });

  test('contests a refund after the expiry, and says when it has lost', async (t) => {
    const tower = await towered(t);
    const { world, clock, regtest } = tower;
    const channel = await world.openChannel();
    await world.payUpTo(channel, coin.policy.dust * 1_000n);
    await tower.write();
    const { terms } = await world.payeeState(channel);
    kill(tower);
    clock.time += 11 * MINUTE;
    await mineTo(tower, terms.expiry);
    assert.equal((await world.chain.mempool()).length, 1, 'the refund');
    const late = await tower.watcher().poll();
    assert.deepEqual(codesOf(late), ['merchant-silent', 'worse-spend']);
    assert.deepEqual(
      late.sent.map(({ outcome }) => outcome.kind),
      ['accepted'],
    );
    const other = await towered(t);
    const lost = await sold(other);
    kill(other);
    await mineTo(other, (await other.world.payeeState(lost)).terms.expiry);
    other.regtest.mine(1);
    const report = await other.watcher().poll();
    assert.equal(report.channels[0]?.standing, 'lost');
    assert.ok(report.alarms.some((alarm) => alarm.code === 'worse-spend' && alarm.by === 'refund' && alarm.depth === 1));
    assert.deepEqual(report.sent, []);
    assert.ok(regtest.tip.height > 0);
  });

  test('is told of a deposit that left the chain, and forgets the alarm when it is back', async (t) => {
    const tower = await towered(t);
    const { world, regtest } = tower;
    const channel = await sold(tower);
    const watcher = tower.watcher();
    assert.deepEqual(codesOf(await watcher.poll()), []);
    const funding = (await world.payer(channel)).deposits[0]?.outpoint.txid ?? assert.fail();
    const depth = (await world.chain.transaction(funding))?.depth ?? 0;
    const hash = regtest.block(regtest.tip.height - depth + 1)?.hash ?? assert.fail();
    regtest.invalidate(hash);
    for (let i = 0; i < depth + 1; i++) regtest.mineBlock([]);
    await world.forgetMempool();
    const funded = (await world.payer(channel)).funding[0] ?? assert.fail();
    regtest.mineBlock([]);
    assert.deepEqual(codesOf(await watcher.poll()), ['deposit-missing']);
    await world.chain.broadcast(decodeTransaction(funded) ?? assert.fail());
    regtest.mine(1);
    assert.deepEqual(codesOf(await watcher.poll()), []);
  });
});
