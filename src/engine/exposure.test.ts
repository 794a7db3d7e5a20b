import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { keyNumber, must } from '../../test/world/sample.ts';
import { asChain } from '../chain/regtest/port.ts';
import { createRegtest } from '../chain/regtest/regtest.ts';
import { type Amount, amount, ZERO } from '../core/base/amount.ts';
import { bytesToHex, type ChannelId, txId } from '../core/base/bytes.ts';
import { type Height, height } from '../core/base/height.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import type { PayeeInput } from '../core/channel/payee.ts';
import { exposureOf, type PayeeState } from '../core/channel/payee-state.ts';
import { payeeSnapshot } from '../core/channel/snapshot.ts';
import type { ChainView } from '../core/channel/state-machine.ts';
import { boundsOf } from '../core/coin/coin.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { cltvMultisig } from '../core/contract/cltv-multisig.ts';
import { channelIdOf, type Deposit, type Payment, type Terms } from '../core/contract/contract.ts';
import { p2pkh } from '../core/tx/script.ts';
import { verifyPortable } from '../core/tx/sign.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import { type MemoryDisk, memoryStore } from '../store/memory.ts';
import { type Driven, type Driver, driver } from './channel-driver.ts';
import { payeeRole } from './channel-role.ts';
import { payeeEngine } from './engine.ts';
import { ExposureLedger } from './exposure.ts';
import { type Store, WorldError } from './ports.ts';

const DOGE = 100_000_000n;
const NEEDED = 3;
const payeeSigner = keyNumber(2);
const chain = asChain(createRegtest({ coin }));
const keys = { signer: () => payeeSigner };

interface Payer {
  readonly channel: ChannelId;
  readonly open: PayeeState;
  readonly deposit: Deposit;
  readonly pay: (total: bigint) => PayeeInput;
}

/** A channel of 100 DOGE whose deposit is in the mempool, and the payer who can sign for it. */
function payerNumber(number: number, unconfirmed: Amount = amount(10n * DOGE)): Payer {
  const key = keyNumber(1_000 + number);
  const terms: Terms = {
    ...{ coin, contract: cltvMultisig, payerKey: key.publicKey, payeeKey: payeeSigner.publicKey, expiry: height(5_000) },
    ...{ closingMargin: 120, signing: { kind: 'flexible', slot: 0 }, payeeScript: p2pkh(payeeSigner.publicKey) },
  };
  const channel = channelIdOf(coin, terms.contract.redeemScript(terms));
  const txid = txId(bytesToHex(new Uint8Array(32).fill(number + 1)));
  const deposit = { outpoint: { txid, vout: 0 }, value: amount(100n * DOGE) };
  const limits = { maxDeposit: deposit.value, depth: [{ upTo: amount(10n ** 18n), blocks: NEEDED }], unconfirmed };
  const backing = { backed: ZERO };
  const signed = new Map<bigint, Payment>();
  return {
    channel,
    open: { kind: 'open', channel, terms, keyName: 'test', deposits: [deposit], limits, backing, spent: ZERO },
    deposit,
    pay: (total) => {
      const payment = signed.get(total) ?? must(terms.contract.sign(terms, [deposit], amount(total), key));
      signed.set(total, payment);
      return { kind: 'payment', pay: { kind: 'payment', channel, payment } };
    },
  };
}

const payers = Array.from({ length: 64 }, (_, i) => payerNumber(i));

async function diskOf(channels: readonly Payer[]): Promise<MemoryDisk> {
  const disk: MemoryDisk = new Map();
  const writes = channels.map(({ channel, open }) => ({
    ...{ kind: 'payee-channel', id: channel, expected: 0, value: payeeSnapshot.encode(open) },
  }));
  await memoryStore(disk).commit(writes);
  return disk;
}

const TIP = height(2_000);

function driverOn(store: Store, exposure: ExposureLedger, tip: () => Height = () => TIP): Driver<PayeeState, PayeeInput> {
  const world = () => ({
    tip: tip(),
    medianTime: 0,
    now: 0,
    feeRate: coin.policy.feeRate,
    verify: verifyPortable,
    keyOf: () => undefined,
  });
  return driver({ party: payeeRole, store, chain, keys, world, exposure });
}

/** A store that gives other work a turn before each answer, as a disk would; `fail` says what becomes of a commit. */
function slow(store: Store, fail: () => 'stored' | 'lost race' | 'full' | 'stored, but said to be full' = () => 'stored'): Store {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const full = new WorldError('store-full', 'no space left', 'Make room.');
  return {
    ...store,
    get: async (kind, id) => {
      await turn();
      return store.get(kind, id);
    },
    commit: async (writes) => {
      await turn();
      const outcome = fail();
      if (outcome === 'full') throw full;
      const isStored = outcome !== 'lost race' && (await store.commit(writes));
      if (outcome !== 'stored' && outcome !== 'lost race') throw full;
      return isStored;
    },
  };
}

async function storedExposure(disk: MemoryDisk): Promise<bigint> {
  let sum = 0n;
  for await (const { value } of memoryStore(disk).list('payee-channel')) sum += exposureOf(payeeSnapshot.decode(value));
  return sum;
}

function viewOf({ deposit }: Payer, depth: number | undefined): ChainView {
  const seen = depth === undefined ? ({ kind: 'missing' } as const) : ({ kind: 'unspent', depth } as const);
  return { kind: 'view', deposits: new Map([[outpointKey(deposit.outpoint), seen]]), found: [] };
}

const isTaken = (result: Driven<PayeeState> | Refusal): boolean => !isRefusal(result);

test('64 payments on 64 channels at once: as many are taken as fit below the limit of them all, and no more', async () => {
  const disk = await diskOf(payers);
  const ledger = new ExposureLedger(amount(50n * DOGE));
  const { drive } = driverOn(slow(memoryStore(disk)), ledger);
  const results = await Promise.all(payers.map(({ channel, pay }) => drive(channel, pay(5n * DOGE))));
  assert.equal(results.filter(isTaken).length, 10);
  assert.deepEqual([...new Set(results.filter(isRefusal).map(({ code }) => code))], ['exposure-full']);
  assert.deepEqual([ledger.total, ledger.channels, await storedExposure(disk)], [50n * DOGE, 10, 50n * DOGE]);
  const [first] = payers;
  assert.ok(first !== undefined);
  must(await drive(first.channel, viewOf(first, NEEDED)));
  assert.deepEqual([ledger.total, ledger.room], [45n * DOGE, 5n * DOGE]);
  assert.ok(isTaken(await drive(first.channel, first.pay(99n * DOGE))));
  const last = payers.at(-1);
  assert.ok(last !== undefined && isTaken(await drive(last.channel, last.pay(5n * DOGE))));
});

test('64 payments on one channel at once: never beyond the limit of one', async () => {
  const [one] = payers;
  assert.ok(one !== undefined);
  const disk = await diskOf([one]);
  const ledger = new ExposureLedger(amount(1_000n * DOGE));
  const { drive } = driverOn(slow(memoryStore(disk)), ledger);
  const totals = Array.from({ length: 64 }, (_, i) => BigInt(1 + ((i * 37) % 64)) * DOGE);
  const results = await Promise.all(totals.map((total) => drive(one.channel, one.pay(total))));
  assert.ok(results.some(isRefusal) && results.some(isTaken));
  assert.deepEqual([ledger.total, await storedExposure(disk)], [10n * DOGE, 10n * DOGE]);
});

test('what a commit took that failed or lost its race is given back, and one that may have happened counts until it is known', async () => {
  const [one, two] = payers;
  assert.ok(one !== undefined && two !== undefined);
  const disk = await diskOf([one, two]);
  const ledger = new ExposureLedger(amount(10n * DOGE));
  const outcomes: ReturnType<NonNullable<Parameters<typeof slow>[1]>>[] = ['lost race', 'full', 'stored', 'stored, but said to be full'];
  const { drive } = driverOn(
    slow(memoryStore(disk), () => outcomes.shift() ?? 'stored'),
    ledger,
  );
  // The first try loses the race and gives back; the second may be on the disk for all anyone knows.
  await assert.rejects(drive(one.channel, one.pay(6n * DOGE)), WorldError);
  assert.equal(ledger.total, 6n * DOGE);
  const refused = await drive(two.channel, two.pay(5n * DOGE));
  assert.equal(isRefusal(refused) && refused.code, 'exposure-full');
  // Asked again, the store says that nothing was stored: the same fits once more.
  assert.ok(isTaken(await drive(one.channel, one.pay(5n * DOGE))));
  assert.equal(ledger.total, 5n * DOGE);
  await assert.rejects(drive(two.channel, two.pay(5n * DOGE)), WorldError);
  assert.deepEqual([ledger.total, await storedExposure(disk)], [10n * DOGE, 10n * DOGE]);
  assert.equal(must(await drive(two.channel, two.pay(5n * DOGE))).reply?.kind, 'receipt');
  assert.equal(ledger.total, 10n * DOGE);
});

test('a restart finds the exposure in the stored states', async () => {
  const disk = await diskOf(payers.slice(0, 4));
  const ledger = new ExposureLedger(amount(20n * DOGE));
  const before = driverOn(memoryStore(disk), ledger);
  for (const { channel, pay } of payers.slice(0, 3)) must(await before.drive(channel, pay(6n * DOGE)));
  const engine = payeeEngine({
    ...{ chain, store: memoryStore(disk), keys, verify: verifyPortable, clock: { now: () => 0 } },
    exposure: amount(20n * DOGE),
  });
  await engine.follower.poll();
  assert.deepEqual([engine.exposure.total, engine.exposure.channels, engine.exposure.most], [18n * DOGE, 3, 20n * DOGE]);
});

/** What happens to one of four channels: a payment, or news of its deposit's depth (undefined: it is gone). */
interface Event {
  readonly who: number;
  readonly does: { readonly pays: number } | { readonly depth: number | undefined };
}

const events: fc.Arbitrary<Event> = fc.record({
  who: fc.nat(3),
  does: fc.oneof(
    { weight: 3, arbitrary: fc.record({ pays: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 2, arbitrary: fc.record({ depth: fc.option(fc.nat(NEEDED + 1), { nil: undefined }) }) },
  ),
});

test('whatever comes in whatever order: payments lift no exposure above a limit, what is backed is never refused for it, and the sum is that of the store', async () => {
  const some = payers.slice(0, 4);
  await fc.assert(
    fc.asyncProperty(fc.array(events, { maxLength: 40 }), async (history) => {
      const disk = await diskOf(some);
      const ledger = new ExposureLedger(amount(15n * DOGE));
      const { drive, get } = driverOn(memoryStore(disk), ledger);
      for (const { who, does } of history) {
        const payer = some[who] ?? assert.fail();
        const before = (await get(payer.channel)) ?? assert.fail();
        const total = ledger.total;
        const input = 'pays' in does ? payer.pay((before.best?.total ?? 0n) + (BigInt(does.pays) * DOGE) / 2n) : viewOf(payer, does.depth);
        const result = await drive(payer.channel, input);
        const own = exposureOf((await get(payer.channel)) ?? assert.fail());
        if ('pays' in does && own > exposureOf(before)) assert.ok(own <= 10n * DOGE && ledger.total <= 15n * DOGE);
        if ('pays' in does && isRefusal(result)) assert.equal(ledger.total, total);
        if (before.backing === undefined) assert.notEqual(isRefusal(result) && result.code, 'exposure-full');
        assert.equal(await storedExposure(disk), ledger.total);
      }
    }),
    { numRuns: 200 },
  );
});

describe('what rests on young blocks is bounded as a sum', () => {
  const steps = [
    { upTo: amount(30n * DOGE), blocks: 3 },
    { upTo: amount(100n * DOGE), blocks: 20 },
    { upTo: amount(10n ** 18n), blocks: 60 },
  ];
  /** Its deposit is so deep. */
  const minedPayer = (payer: Payer, depth: number): Payer => {
    const { backing: _, ...open } = payer.open;
    return { ...payer, open: { ...open, places: [{ at: 'block', height: height(TIP + 1 - depth) }] } };
  };

  test('64 channels of one block, paid at once: all together deliver what one deposit of that depth may, later more', async () => {
    const channels = payers.map((payer) => minedPayer(payer, 3));
    const disk = await diskOf(channels);
    const ledger = new ExposureLedger(ZERO, boundsOf(steps));
    let tip = TIP;
    const { drive } = driverOn(slow(memoryStore(disk)), ledger, () => tip);
    const results = await Promise.all(channels.map(({ channel, pay }) => drive(channel, pay(5n * DOGE))));
    assert.equal(results.filter(isTaken).length, 6);
    const [refused] = results.filter(isRefusal);
    assert.deepEqual(
      [refused?.code, refused?.detail],
      ['exposure-full', { exposure: String(5n * DOGE), most: '0', blocks: '17', seconds: '1020' }],
    );
    assert.deepEqual(
      ledger.young(tip).map(({ below, total }) => [below, total]),
      [
        [20, 30n * DOGE],
        [60, 30n * DOGE],
      ],
    );
    // Sixteen blocks later they are 19 deep, and one more makes them 20.
    const last = channels.at(-1) ?? assert.fail();
    tip = height(TIP + 16);
    assert.ok(!isTaken(await drive(last.channel, last.pay(5n * DOGE))));
    tip = height(TIP + 17);
    const later = await Promise.all(channels.map(({ channel, pay }) => drive(channel, pay(10n * DOGE))));
    // 6 that rise by 5, and 7 by 10, or as it comes: never above 100.
    assert.ok((ledger.young(tip)[1]?.total ?? 0n) <= 100n * DOGE);
    assert.ok(later.some(isTaken) && later.some((one) => !isTaken(one)));
    tip = height(TIP + 57);
    for (const { channel, pay } of channels) assert.ok(isTaken(await drive(channel, pay(50n * DOGE))));
  });

  test('a channel of a deep deposit is served whatever the young ones hold, and one that takes no more is answered', async () => {
    const [young, old] = [minedPayer(payers[0] ?? assert.fail(), 3), minedPayer(payers[1] ?? assert.fail(), 60)];
    const { drive } = driverOn(memoryStore(await diskOf([young, old])), new ExposureLedger(ZERO, boundsOf(steps)));
    assert.ok(isTaken(await drive(young.channel, young.pay(30n * DOGE))));
    assert.ok(!isTaken(await drive(young.channel, young.pay(31n * DOGE))));
    assert.ok(isTaken(await drive(young.channel, young.pay(30n * DOGE))));
    assert.ok(isTaken(await drive(old.channel, old.pay(99n * DOGE))));
  });

  test('a restart finds it in the stored states', async () => {
    const channels = payers.slice(0, 4).map((payer) => minedPayer(payer, 3));
    const disk = await diskOf(channels);
    const before = driverOn(memoryStore(disk), new ExposureLedger(ZERO, boundsOf(steps)));
    for (const { channel, pay } of channels.slice(0, 3)) must(await before.drive(channel, pay(10n * DOGE)));
    const engine = payeeEngine({
      ...{ chain, store: memoryStore(disk), keys, verify: verifyPortable, clock: { now: () => 0 } },
      young: boundsOf(steps),
    });
    await engine.follower.poll();
    // That chain is at its first block, and holds no such deposits: what rests on them is in no block.
    assert.deepEqual(
      engine.exposure.young(height(0)).map(({ total }) => total),
      [30n * DOGE, 30n * DOGE],
    );
  });

  test('what is exposed without a block may be on top of it, and counts', async () => {
    const [young, fresh] = [minedPayer(payers[0] ?? assert.fail(), 3), payers[1] ?? assert.fail()];
    const waiting = { ...fresh, open: { ...fresh.open, places: [{ at: 'none', height: TIP } as const] } };
    const ledger = new ExposureLedger(amount(8n * DOGE), boundsOf(steps));
    const { drive } = driverOn(memoryStore(await diskOf([young, waiting])), ledger);
    assert.ok(isTaken(await drive(waiting.channel, waiting.pay(8n * DOGE))));
    assert.ok(isTaken(await drive(young.channel, young.pay(30n * DOGE))));
    assert.ok(!isTaken(await drive(young.channel, young.pay(31n * DOGE))));
  });
});
