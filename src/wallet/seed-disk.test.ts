import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { height } from '../core/base/height.ts';
import { type WorldCode, WorldError } from '../engine/ports.ts';
import { readSeedFile, writeSeedFile } from './seed-disk.ts';
import { sealSeed } from './seed-file.ts';

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const contents = {
  mnemonic: 'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong',
  passphrase: '',
  coin: 'dogecoin',
  birthday: height(0),
};
const posix = process.platform !== 'win32';
let folder = '';
let text = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawment-seed-'));
  text = await sealSeed(contents, 'wow', random, { n: 16, r: 1, p: 1 });
});

after(async () => rm(folder, { recursive: true }));

const failsWith =
  (code: WorldCode, message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof WorldError && error.code === code && message.test(error.message) && error.hint !== '';

test('a seed is written for its owner only, leaves nothing else behind, and is read back', async () => {
  const path = join(folder, 'fresh.json');
  await writeSeedFile(path, text, random);
  if (posix) assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('fresh')),
    ['fresh.json'],
  );
  assert.deepEqual(await readSeedFile(path, 'wow'), contents);
});

test('a seed never takes the place of another, not even when two are written at once', async () => {
  const path = join(folder, 'first.json');
  await writeSeedFile(path, text, random);
  const other = await sealSeed(contents, 'other', random, { n: 16, r: 1, p: 1 });
  await assert.rejects(writeSeedFile(path, other, random), failsWith('config', /already/));
  assert.equal(await readFile(path, 'utf8'), text);
  const race = join(folder, 'race.json');
  const results = await Promise.allSettled([writeSeedFile(race, text, random), writeSeedFile(race, other, random)]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.equal(await readFile(race, 'utf8'), results[0].status === 'fulfilled' ? text : other);
  assert.ok(!(await readdir(folder)).some((name) => name.endsWith('.tmp')));
});

test('a file that others can read is refused until it is closed', { skip: posix ? false : 'Windows has no such mode bits' }, async () => {
  const path = join(folder, 'open.json');
  await writeSeedFile(path, text, random);
  for (const mode of [0o640, 0o604, 0o602, 0o660]) {
    await chmod(path, mode);
    await assert.rejects(readSeedFile(path, 'wow'), failsWith('config', /Other users/));
  }
  await chmod(path, 0o400);
  assert.deepEqual(await readSeedFile(path, 'wow'), contents);
});

test('what is wrong with a seed file is said, with what to do', async () => {
  const path = join(folder, 'broken.json');
  await assert.rejects(readSeedFile(path, 'wow'), failsWith('config', /no seed/));
  await writeFile(path, text, { mode: 0o600 });
  await assert.rejects(readSeedFile(path, 'vow'), failsWith('wallet-locked', /passphrase/));
  await writeFile(path, text.slice(0, 100));
  await assert.rejects(readSeedFile(path, 'wow'), failsWith('config', /damaged/));
  await writeFile(path, text.replace('"version": 1', '"version": 9'));
  await assert.rejects(readSeedFile(path, 'wow'), failsWith('config', /newer/));
  await writeFile(path, text.padEnd(70_000));
  await assert.rejects(readSeedFile(path, 'wow'), failsWith('config', /not a seed file/));
  await writeFile(path, text);
  assert.deepEqual(await readSeedFile(path, 'wow'), contents);
});

test('a folder that is not there is reported, and nothing is made', async () => {
  await assert.rejects(
    writeSeedFile(join(folder, 'nowhere', 'seed.json'), text, random),
    failsWith('config', /nowhere.seed\.json can't be used/),
  );
});
