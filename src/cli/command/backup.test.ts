import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { payeeSnapshot } from '../../core/channel/snapshot.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { audit } from '../../store/audit.ts';
import { generationsIn, makeBackup, restoreBackup } from '../../store/backup.ts';
import { openSqlite } from '../../store/sqlite.ts';
import { openStore } from '../setup.ts';

const DOGE = 100_000_000n;
const { verify } = await fastestVerifier();
const home = mkdtempSync(join(tmpdir(), 'pawment-cli-backup-'));
after(() => rmSync(home, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
}

/** Runs a command as a user would. */
async function pawment(datadir: string, ...args: readonly string[]): Promise<Ran> {
  const entry = join(import.meta.dirname, '..', '..', '..', 'bin', 'pawment.js');
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [entry, ...args, '--datadir', datadir]);
    return { code: 0, out: stdout + stderr };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'stdout' in error && 'stderr' in error)) throw error;
    return { code: Number(error.code), out: `${error.stdout}${error.stderr}` };
  }
}

/** A merchant's data folder with one channel, paid up to so many coins, that was opened at least once by a command. */
async function shop(total: bigint): Promise<string> {
  const datadir = mkdtempSync(join(home, 'shop-'));
  const pair = new MachinePair().open(10n * DOGE);
  const store = openSqlite(join(datadir, 'merchant.sqlite'));
  for (let paid = 0n, version = 0; paid <= total; paid += DOGE, version++) {
    if (paid > 0n) pair.pay(paid);
    const state = pair.payeeState();
    await store.commit([{ kind: 'payee-channel', id: state.channel, expected: version, value: payeeSnapshot.encode(state) }]);
  }
  await store.close();
  await openStore({ datadir }, 'merchant').close();
  return datadir;
}

describe('backup, verify, restore', () => {
  test('a loss is noticed, and the newest backup brings back what was there', async () => {
    const datadir = await shop(3n * DOGE);
    const saved = await pawment(datadir, 'backup');
    assert.deepEqual([saved.code, /backup 1 of the merchant: 1 channel,/.test(saved.out)], [0, true], saved.out);
    assert.match(
      (await pawment(datadir, 'verify')).out,
      /present channels: 1 channel, totals of 3 DOGE\nbackup 1, made .*: 1 channel, totals of 3 DOGE/,
    );
    rmSync(join(datadir, 'merchant.sqlite'));
    const lost = await pawment(datadir, 'merchant', 'channels');
    assert.deepEqual([lost.code, /the file is gone.*\n.*pawment restore --role merchant/.test(lost.out)], [3, true], lost.out);
    assert.equal(existsSync(join(datadir, 'merchant.sqlite')), false);
    assert.equal((await pawment(datadir, 'verify')).code, 3);
    assert.match((await pawment(datadir, 'restore')).out, /restored backup 1 of the merchant/);
    assert.match((await pawment(datadir, 'merchant', 'channels')).out, /3 of 10 DOGE/);
  });

  test('an older backup is restored only by force, which says what is lost', async () => {
    const datadir = await shop(2n * DOGE);
    await pawment(datadir, 'backup');
    const further = await shop(5n * DOGE);
    copyFileSync(join(further, 'merchant.sqlite'), join(datadir, 'merchant.sqlite'));
    const refused = await pawment(datadir, 'restore', '1');
    assert.deepEqual([refused.code, /has a total of 2 DOGE, but had 5 DOGE/.test(refused.out)], [3, true], refused.out);
    assert.match((await pawment(datadir, 'merchant', 'channels')).out, /5 of 10 DOGE/);
    assert.match((await pawment(datadir, 'restore', '1', '--force')).out, /lost: .*has a total of 2 DOGE, but had 5 DOGE/);
    assert.match((await pawment(datadir, 'merchant', 'channels')).out, /2 of 10 DOGE/);
  });

  test('what is asked for and not there is said: no channels, no such backup, two roles', async () => {
    const empty = mkdtempSync(join(home, 'empty-'));
    for (const verb of ['backup', 'restore', 'verify']) assert.equal((await pawment(empty, verb)).code, 2, verb);
    const datadir = await shop(DOGE);
    await pawment(datadir, 'backup');
    const none = await pawment(datadir, 'restore', '7');
    assert.deepEqual([none.code, /Backups here: 1/.test(none.out)], [2, true]);
    await openSqlite(join(datadir, 'payer.sqlite')).close();
    assert.match((await pawment(datadir, 'backup')).out, /--role payer or --role merchant/);
    assert.equal((await pawment(datadir, 'backup', '--role', 'payer')).code, 0);
  });
});

describe('a store that is not what it was is never taken for a fresh one', () => {
  const file = (datadir: string): string => join(datadir, 'merchant.sqlite');
  const losses: readonly (readonly [string, (datadir: string) => void])[] = [
    ['deleted', (datadir) => rmSync(file(datadir))],
    ['renamed', (datadir) => renameSync(file(datadir), join(datadir, 'old.sqlite'))],
    ['emptied', (datadir) => truncateSync(file(datadir), 0)],
    ['cut to its first page', (datadir) => truncateSync(file(datadir), 4_096)],
    ['cut in a page', (datadir) => truncateSync(file(datadir), 6_000)],
    ['cut to a byte', (datadir) => truncateSync(file(datadir), 1)],
    ['another program’s database', (datadir) => copyFileSync(join(import.meta.dirname, 'backup.test.ts'), file(datadir))],
    ['text', (datadir) => writeFileSync(file(datadir), 'nothing')],
    ['zeroes', (datadir) => writeFileSync(file(datadir), new Uint8Array(8_192))],
    [
      'gone, with its log left behind',
      (datadir) => {
        rmSync(file(datadir));
        writeFileSync(`${file(datadir)}-wal`, 'log');
      },
    ],
  ];
  for (const [how, lose] of losses) {
    for (const hasBackup of [true, false]) {
      test(`${how}, ${hasBackup ? 'with' : 'without'} a backup`, async () => {
        const datadir = await shop(DOGE);
        const path = file(datadir);
        const folder = join(datadir, 'backups');
        const saving = { store: path, folder, name: 'merchant', coin: 'dogecoin-regtest', verify, clock: { now: () => 0 } };
        if (hasBackup) await makeBackup(saving);
        lose(datadir);
        const before = filesIn(datadir);
        assert.throws(() => openStore({ datadir }, 'merchant'), { code: 'store-damaged', hint: /[Rr]estore a backup/ });
        assert.deepEqual(filesIn(datadir), before, 'nothing was made or changed');
        if (!hasBackup) return;
        await assert.rejects(makeBackup(saving), { code: 'store-damaged' });
        const [generation = assert.fail('no backup')] = generationsIn(folder, 'merchant');
        await restoreBackup({ generation, store: path, verify, clock: { now: () => 1 }, isForced: false });
        const store = openStore({ datadir }, 'merchant');
        const { total } = await audit(store, verify);
        await store.close();
        assert.equal(total, DOGE);
      });
    }
  }

  test('a fresh folder is fresh, and one that the owner has cleared on purpose is again', async () => {
    const datadir = await shop(DOGE);
    rmSync(file(datadir));
    rmSync(join(datadir, 'merchant.opened'));
    await openStore({ datadir }, 'merchant').close();
    assert.ok(existsSync(file(datadir)));
  });
});

/** What SQLite keeps beside a file while somebody reads it is no matter. */
function filesIn(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => !name.endsWith('-shm') && !name.endsWith('-wal'));
}
