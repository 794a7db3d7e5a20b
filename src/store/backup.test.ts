import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { MachinePair } from '../../test/world/machine-pair.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import { payeeSnapshot } from '../core/channel/snapshot.ts';
import type { Store, WorldError } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import { audit, lostIn } from './audit.ts';
import { auditFile, generationsIn, makeBackup, readGeneration, restoreBackup } from './backup.ts';
import { memoryStore } from './memory.ts';
import { openSqlite } from './sqlite.ts';

const DOGE = 100_000_000n;
const { verify } = await fastestVerifier();
const home = mkdtempSync(join(tmpdir(), 'pawment-backup-'));
after(() => rmSync(home, { recursive: true, force: true }));

/** Payee states of one channel, each a payment further on. */
function history(length: number): readonly PayeeState[] {
  const pair = new MachinePair().open(10n * DOGE);
  const states = [pair.payeeState()];
  for (let i = 1; i < length; i++) {
    pair.pay(BigInt(i) * DOGE);
    states.push(pair.payeeState());
  }
  return states;
}

const states = history(6);
const { channel } = states[0] ?? assert.fail('no state');

/** A shop's data folder. */
class Shop {
  readonly folder: string = mkdtempSync(join(home, 'shop-'));
  readonly path: string = join(this.folder, 'merchant.sqlite');
  readonly backups: string = join(this.folder, 'backups');
  now = 1_700_000_000_000;
  store: Store = openSqlite(this.path);
  #written = 0;

  /** The store as after so many payments. */
  async pay(upTo: number): Promise<this> {
    for (; this.#written <= upTo; this.#written++) {
      const value = payeeSnapshot.encode(states[this.#written] ?? assert.fail('no such state'));
      assert.ok(await this.store.commit([{ kind: 'payee-channel', id: channel, expected: this.#written, value }]));
    }
    return this;
  }

  backup(keep?: number): ReturnType<typeof makeBackup> {
    const options = {
      store: this.path,
      folder: this.backups,
      name: 'merchant',
      coin: 'dogecoin-regtest',
      verify,
      clock: { now: () => this.now++ },
    };
    return makeBackup(keep === undefined ? options : { ...options, keep });
  }

  async restore(number: number, isForced = false): ReturnType<typeof restoreBackup> {
    await this.store.close();
    const generation =
      generationsIn(this.backups, 'merchant').find((one) => one.number === number) ?? assert.fail(`no generation ${number}`);
    const restored = await restoreBackup({ generation, store: this.path, verify, clock: { now: () => this.now++ }, isForced });
    this.store = openSqlite(this.path);
    return restored;
  }

  async best(): Promise<bigint> {
    const record = await this.store.get('payee-channel', channel);
    return payeeSnapshot.decode(record?.value ?? assert.fail('no record')).best?.total ?? 0n;
  }
}

const shrunk = { code: 'store-shrunk' } satisfies Partial<WorldError>;
const damaged = { code: 'store-damaged' } satisfies Partial<WorldError>;

describe('generations', () => {
  test('each backup is a further one, whole and readable while the shop goes on', async () => {
    const shop = await new Shop().pay(2);
    const first = await shop.backup();
    await shop.pay(3);
    const second = await shop.backup();
    assert.deepEqual([first.number, second.number, second.channels], [1, 2, 1]);
    assert.deepEqual(
      generationsIn(shop.backups, 'merchant').map(({ number }) => number),
      [1, 2],
    );
    assert.equal((await readGeneration(first, verify)).total, 2n * DOGE);
    assert.equal((await readGeneration(second, verify)).total, 3n * DOGE);
    assert.equal((await readGeneration(second, verify)).total, 3n * DOGE, 'reading leaves it as it is');
  });

  test('what the log holds and the file not yet is in the backup', async () => {
    const shop = await new Shop().pay(5);
    assert.ok(existsSync(`${shop.path}-wal`));
    assert.equal((await readGeneration(await shop.backup(), verify)).total, 5n * DOGE);
  });

  test('the last few are kept, and numbers go on', async () => {
    const shop = await new Shop().pay(1);
    for (let i = 0; i < 5; i++) await shop.backup(3);
    assert.deepEqual(
      generationsIn(shop.backups, 'merchant').map(({ number }) => number),
      [3, 4, 5],
    );
    assert.equal(readdirSync(shop.backups).length, 6);
  });

  test('a backup that was cut off is none, and does not stand in the way of the next', async () => {
    const shop = await new Shop().pay(1);
    await shop.backup();
    writeFileSync(join(shop.backups, 'merchant-000002.sqlite.new'), 'half');
    writeFileSync(join(shop.backups, 'merchant-000002.sqlite'), 'no note beside it');
    assert.deepEqual(
      generationsIn(shop.backups, 'merchant').map(({ number }) => number),
      [1],
    );
    assert.equal((await shop.backup()).number, 2);
    assert.equal((await readGeneration(generationsIn(shop.backups, 'merchant').at(-1) ?? assert.fail(), verify)).total, DOGE);
  });
});

describe('less never takes the place of more', () => {
  test('a store with a channel missing, or at a lower total, is not backed up; one further on is', async () => {
    const shop = await new Shop().pay(4);
    await shop.backup();
    for (const older of [undefined, 1]) {
      const other = new Shop();
      if (older !== undefined) await other.pay(older);
      const options = { folder: shop.backups, name: 'merchant', coin: 'dogecoin-regtest', verify, clock: { now: () => 0 } };
      await assert.rejects(makeBackup({ ...options, store: other.path }), shrunk);
    }
    assert.equal(generationsIn(shop.backups, 'merchant').length, 1);
    await shop.pay(5);
    assert.equal((await shop.backup()).number, 2);
  });

  test('an end that was undone, or fewer writes at the same total, is less', async () => {
    const marks = (isEnded: boolean, version: number) => ({
      ...{ total: 0n as never, records: 1, faults: [] },
      channels: new Map([['payee-channel a', { version, revoked: 0, total: DOGE as never, ticker: 'DOGE', isEnded }]]),
    });
    assert.equal(lostIn(marks(true, 5), marks(false, 6)).length, 1);
    assert.equal(lostIn(marks(false, 5), marks(false, 4)).length, 1);
    assert.deepEqual(lostIn(marks(false, 5), marks(true, 5)), []);
  });

  test('what was given back since is no loss, and what was given back before is', async () => {
    const marks = (revoked: number, total: bigint) => ({
      ...{ total: 0n as never, records: 1, faults: [] },
      channels: new Map([['payee-channel a', { version: 5, revoked, total: total as never, ticker: 'DOGE', isEnded: false }]]),
    });
    assert.deepEqual(lostIn(marks(0, 3n * DOGE), marks(1, DOGE)), []);
    assert.equal(lostIn(marks(1, DOGE), marks(0, 3n * DOGE)).length, 1);
  });

  test('an older copy is not restored over a store that knows more, unless forced; then the store is kept aside', async () => {
    const shop = await new Shop().pay(2);
    await shop.backup();
    await shop.pay(5);
    await assert.rejects(shop.restore(1), shrunk);
    shop.store = openSqlite(shop.path);
    assert.equal(await shop.best(), 5n * DOGE);
    const { lost, replaced = '' } = await shop.restore(1, true);
    assert.deepEqual([await shop.best(), lost.length], [2n * DOGE, 1]);
    assert.equal((await auditFile(replaced, verify)).total, 5n * DOGE);
  });

  test('a lost, an emptied and a damaged store are restored', async () => {
    const losses: readonly ((path: string) => void)[] = [
      (path) => rmSync(path),
      (path) => writeFileSync(path, ''),
      (path) => truncateSync(path, 5_000),
      (path) => writeFileSync(path, 'x'.repeat(8_192)),
    ];
    for (const lose of losses) {
      const shop = await new Shop().pay(3);
      await shop.backup();
      await shop.store.close();
      lose(shop.path);
      await shop.restore(1);
      assert.equal(await shop.best(), 3n * DOGE);
    }
  });
});

describe('what is damaged is never taken for good', () => {
  test('a byte anywhere: 200 places in a generation are each noticed before anything is replaced', async () => {
    const shop = await new Shop().pay(3);
    const { path } = await shop.backup();
    const good = readFileSync(path);
    const step = Math.floor(good.length / 200);
    for (let at = 0; at < good.length; at += step) {
      const bad = Buffer.from(good);
      bad.writeUInt8(bad.readUInt8(at) ^ 0x10, at);
      writeFileSync(path, bad);
      await assert.rejects(shop.restore(1, true), damaged, `byte ${at}`);
      shop.store = openSqlite(shop.path);
      assert.equal(await shop.best(), 3n * DOGE);
    }
    writeFileSync(path, good);
    await shop.restore(1);
  });

  test('a newest backup that is damaged does not let less through: the one before it counts', async () => {
    const shop = await new Shop().pay(3);
    await shop.backup();
    const { path } = await shop.backup();
    truncateSync(path, 4_096);
    const other = await new Shop().pay(1);
    const options = { folder: shop.backups, name: 'merchant', coin: 'dogecoin-regtest', verify, clock: { now: () => 0 } };
    await assert.rejects(makeBackup({ ...options, store: other.path }), shrunk);
  });

  test('a payment that the payer did not sign, and a record of nonsense, are told', async () => {
    const [, , last = assert.fail('no state')] = states;
    if (last.best === undefined) assert.fail('no payment');
    const forged = { ...last, best: { ...last.best, total: (last.best.total + 1n) as never } };
    const store = memoryStore();
    await store.commit([
      { kind: 'payee-channel', id: channel, expected: 0, value: payeeSnapshot.encode(forged) },
      { kind: 'invoice', id: 'a', expected: 0, value: '{}' },
    ]);
    const { faults } = await audit(store, verify);
    assert.equal(faults.length, 2);
    assert.match(faults.join(), /not signed by the payer.*damaged/);
    const sound = memoryStore();
    await sound.commit([{ kind: 'payee-channel', id: channel, expected: 0, value: payeeSnapshot.encode(last) }]);
    assert.deepEqual((await audit(sound, verify)).faults, []);
  });

  test('a store that is gone is not backed up as an empty one', async () => {
    const shop = await new Shop().pay(1);
    await shop.store.close();
    rmSync(shop.path);
    await assert.rejects(shop.backup(), damaged);
    assert.equal(existsSync(shop.path), false, 'and none is made in its place');
    copyFileSync(new Shop().path, shop.path);
    assert.equal((await shop.backup()).channels, 0);
  });
});
