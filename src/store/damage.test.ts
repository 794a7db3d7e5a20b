import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type StoredRecord, WorldError } from '../engine/ports.ts';
import { openSqlite } from './sqlite.ts';

const PAGE = 4096;
/** As long as a channel's. */
const LENGTH = 1_200;
const RECORDS = 40;
let folder = '';
let path = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawment-damage-'));
  path = join(folder, 'store');
});
after(() => rm(folder, { recursive: true }));

const textOf = (id: number, round: number): string => `${id}:${round} ${'abcdefgh'.repeat(LENGTH / 8)}`;
const nameOf = (id: number): string => `r${String(id).padStart(3, '0')}`;

/** What a store shows of itself; undefined when it refuses as damaged. Whatever else it throws is a failure. */
async function shown(): Promise<ReadonlyMap<string, StoredRecord> | undefined> {
  try {
    const store = openSqlite(path);
    try {
      const found = new Map<string, StoredRecord>();
      for await (const { id, version, value } of store.list('note')) found.set(id, { version, value });
      return found;
    } finally {
      await store.close();
    }
  } catch (error) {
    assert(error instanceof WorldError && error.code === 'store-damaged' && error.hint !== '', String(error));
    return undefined;
  }
}

describe('a file that was closed', () => {
  let whole: Buffer = Buffer.alloc(0);
  let records: ReadonlyMap<string, StoredRecord> | undefined;
  before(async () => {
    const store = openSqlite(path);
    for (let id = 0; id < RECORDS; id++) await store.commit([{ kind: 'note', id: nameOf(id), expected: 0, value: textOf(id, 1) }]);
    await store.close();
    whole = await readFile(path);
    records = await shown();
    assert.equal(records?.size, RECORDS);
  });

  const harms: Readonly<Record<string, (bytes: Buffer, page: number, pages: number) => unknown>> = {
    'filled with zeroes': (bytes, page) => bytes.fill(0, page * PAGE, (page + 1) * PAGE),
    'filled with ones': (bytes, page) => bytes.fill(0xff, page * PAGE, (page + 1) * PAGE),
    'put in the place of the next': (bytes, page, pages) => bytes.copy(bytes, ((page + 1) % pages) * PAGE, page * PAGE, (page + 1) * PAGE),
    'with zeroes for its first half': (bytes, page) => bytes.fill(0, page * PAGE, page * PAGE + PAGE / 2),
  };
  for (const [how, harm] of Object.entries(harms)) {
    test(`with any one page ${how} is refused, or shows every record as it was`, async () => {
      const pages = whole.length / PAGE;
      let refusals = 0;
      for (let page = 0; page < pages; page++) {
        const bytes = Buffer.from(whole);
        harm(bytes, page, pages);
        await writeFile(path, bytes);
        const found = await shown();
        if (found === undefined) refusals++;
        else assert(isDeepStrictEqual(found, records), `page ${page} of ${pages}`);
      }
      assert(refusals > 0);
    });
  }

  test('with any one bit flipped is refused, or shows every record as it was', async () => {
    let refusals = 0;
    for (let at = 0; at < whole.length; at += 389) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
      await writeFile(path, bytes);
      const found = await shown();
      if (found === undefined) refusals++;
      else assert(isDeepStrictEqual(found, records), `byte ${at} of ${whole.length}`);
    }
    assert(refusals > 100);
  });
});

describe('a log that a crash has torn', () => {
  const ROUNDS = 12;
  let file: Buffer = Buffer.alloc(0);
  let log: Buffer = Buffer.alloc(0);
  before(async () => {
    await rm(path, { force: true });
    const store = openSqlite(path);
    for (let round = 1; round <= ROUNDS; round++) {
      await store.commit(['left', 'right'].map((id) => ({ kind: 'note', id, expected: round - 1, value: textOf(0, round) })));
    }
    await copyFile(path, `${path}.copy`);
    [file, log] = [await readFile(`${path}.copy`), await readFile(`${path}-wal`)];
    await store.close();
  });

  /** Both halves of a commit, and the round that they are of; 0 when there is none. */
  async function roundLeft(bytes: Buffer): Promise<number> {
    await rm(`${path}-shm`, { force: true });
    await writeFile(path, file);
    await writeFile(`${path}-wal`, bytes);
    const found = (await shown()) ?? assert.fail('a torn log is what a crash leaves');
    assert.deepEqual(found.get('left'), found.get('right'));
    const version = found.get('left')?.version ?? 0;
    if (version > 0) assert.equal(found.get('left')?.value, textOf(0, version));
    return version;
  }

  test('leaves the commits before the tear, whole, and those behind it not at all', async () => {
    assert.equal(await roundLeft(log), ROUNDS);
    let last = 0;
    for (let length = 0; length <= log.length; length += 1_021) {
      const round = await roundLeft(log.subarray(0, length));
      assert(round >= last, `${length} bytes show round ${round}, fewer showed ${last}`);
      last = round;
    }
    assert(last >= ROUNDS - 1);
  });

  test('with a flipped bit shows whole commits only', async () => {
    for (let at = 0; at < log.length; at += 1_531) {
      const bytes = Buffer.from(log);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
      assert((await roundLeft(bytes)) <= ROUNDS);
    }
  });
});
