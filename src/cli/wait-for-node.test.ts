import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type FakeAnswer, fakeNode } from '../../test/world/fake-node.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { WorldError } from '../engine/ports.ts';
import { openNode } from './setup.ts';
import { aLittle, aLittleForPeer, atOnce, nodeWait, type WaitOptions } from './wait-for-node.ts';

/** A time that passes by waiting alone; what is waited for may happen meanwhile. */
function watchers(most: number, meanwhile: (waited: number) => void = () => undefined): WaitOptions & { readonly notes: string[] } {
  let now = 0;
  const notes: string[] = [];
  return {
    most,
    notes,
    note: (text) => notes.push(text),
    clock: { now: () => now },
    pause: async (milliseconds) => {
      now += milliseconds;
      meanwhile(now);
    },
  };
}

const down = new WorldError('node-down', 'h can’t be reached', 'Start it.');
const failing = (error: unknown) => async () => {
  throw error;
};

describe('waiting for a node', () => {
  test('goes on until it is there, and says once a minute for what', async () => {
    let asked = 0;
    const waiting = watchers(Number.POSITIVE_INFINITY);
    const answer = await nodeWait(waiting)(async () => {
      asked++;
      if (asked < 300) throw down;
      return 'there';
    });
    assert.equal(answer, 'there');
    assert.deepEqual(waiting.notes, Array(3).fill('Waiting for the node: h can’t be reached. Start it.'));
  });

  test('says what has changed, and not how the same goes on', async () => {
    const said = ['Loading block index', 'Verifying 3 blocks', 'Verifying 4 blocks', 'Rewinding'];
    const waiting = watchers(Number.POSITIVE_INFINITY);
    await nodeWait(waiting)(async () => {
      const next = said.shift();
      if (next !== undefined) throw new WorldError('node-behind', next, 'Wait.');
    });
    assert.deepEqual(
      waiting.notes.map((note) => note.split(': ')[1]),
      ['Loading block index. Wait.', 'Verifying 3 blocks. Wait.', 'Rewinding. Wait.'],
    );
  });

  test('ends when it was long enough, with what is wrong then', async () => {
    let asked = 0;
    const ask = async () => {
      asked++;
      throw down;
    };
    await assert.rejects(nodeWait(watchers(2_000))(ask), down);
    assert.equal(asked, 5);
    await assert.rejects(atOnce(ask), down);
    assert.equal(asked, 6);
  });

  test('is not begun for what will not pass', async () => {
    for (const error of [
      new WorldError('node-wrong-chain', 'another', 'Name it.'),
      new WorldError('node-refused', 'no', 'Look.'),
      new Error('bug'),
    ]) {
      const waiting = watchers(Number.POSITIVE_INFINITY);
      await assert.rejects(nodeWait(waiting)(failing(error)), error);
      assert.deepEqual(waiting.notes, []);
    }
  });

  test('a command waits only for a node on its own machine', async () => {
    for (const url of ['http://node.example:22555', 'http://10.0.0.2:22555'])
      assert.equal(aLittle({ rpc: { url } }, assert.fail), atOnce, url);
    for (const url of ['http://127.0.0.1:22555', 'http://localhost:1', 'http://[::1]:1'])
      assert.notEqual(aLittle({ rpc: { url } }, assert.fail), atOnce, url);
    assert.equal(aLittle({ rpc: undefined }, assert.fail), atOnce);
  });
});

test('a node that has not written its cookie, and one that still loads, are waited for', async () => {
  const cookie = join(tmpdir(), `pawment-cookie-${process.pid}`);
  let isLoading = true;
  const info = { blocks: 0, headers: 0, bestblockhash: coin.genesis, mediantime: 0 };
  const answers = (method: string): FakeAnswer => (method === 'getblockhash' ? `"${coin.genesis}"` : JSON.stringify(info));
  const node = await fakeNode((method) => (isLoading ? { code: -28, message: 'Loading block index…' } : answers(method)), {
    credentials: '__cookie__:secret',
  });
  const waiting = watchers(Number.POSITIVE_INFINITY, (waited) => {
    if (waited === 1_000) writeFileSync(cookie, '__cookie__:secret');
    if (waited === 2_000) isLoading = false;
  });
  try {
    const config = {
      coin,
      datadir: tmpdir(),
      json: false,
      passphrase: '',
      rpc: { url: node.url, auth: { kind: 'cookie', file: cookie } },
    } as const;
    await assert.rejects(openNode(config), { code: 'node-down' });
    const chain = await openNode(config, nodeWait(waiting));
    assert.equal((await chain.tip()).height, 0);
    assert.match(waiting.notes[0] ?? '', /the cookie file .* can't be read/);
    assert.match(waiting.notes[1] ?? '', /the node is starting: Loading block index/);
    assert.equal(waiting.notes.length, 2);
  } finally {
    await node.close();
    rmSync(cookie, { force: true });
  }
});

describe('waiting for a merchant', () => {
  const where = 'http://127.0.0.1:8402';
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const unheard = new WorldError('peer-unreachable', 'no', 'Wait.', new TypeError('fetch failed', { cause: refused }));

  test('that is starting goes on until it listens, and says once for what', async () => {
    const waiting = watchers(0);
    let asked = 0;
    const answer = await aLittleForPeer(
      '127.0.0.1',
      where,
      waiting,
    )(async () => {
      if (asked++ < 8) throw unheard;
      return 'there';
    });
    assert.equal(answer, 'there');
    assert.deepEqual(waiting.notes, [
      `Waiting for the merchant: Nothing listens at ${where}. Start the merchant, or use the address that it prints when it starts.`,
    ]);
  });

  test('that never comes ends with what is missing', async () => {
    const waiting = watchers(0);
    const failed = aLittleForPeer('127.0.0.1', where, waiting)(failing(unheard));
    await assert.rejects(failed, { code: 'peer-unreachable', message: `Nothing listens at ${where}.` });
    assert.equal(waiting.notes.length, 1);
  });

  test('is over once it has answered: then it has ended', async () => {
    const waiting = watchers(0);
    const wait = aLittleForPeer('localhost', where, waiting);
    await wait(async () => undefined);
    await assert.rejects(wait(failing(unheard)), unheard);
    assert.deepEqual(waiting.notes, []);
  });

  test('is not begun for one elsewhere, nor for one that has taken the connection', async () => {
    assert.equal(aLittleForPeer('shop.example', where, watchers(0)), atOnce);
    const waiting = watchers(0);
    for (const error of [new WorldError('peer-unreachable', 'slow', 'Wait.'), new WorldError('peer-nonsense', 'HTML', 'Look.')])
      await assert.rejects(aLittleForPeer('::1', where, waiting)(failing(error)), error);
    assert.deepEqual(waiting.notes, []);
  });
});

test('where nobody named a node, what is not one is waited for too: the test chain may be about to serve elsewhere', async () => {
  let isThere = false;
  const waiting = watchers(30_000);
  const other = new WorldError('node-refused', 'no node', 'Look.');
  const config = { rpc: { url: 'http://127.0.0.1:18332' } };
  const chain = async (): Promise<string> => {
    if (isThere) return 'chain';
    isThere = true;
    throw other;
  };
  await assert.rejects(aLittle(config, assert.fail)(failing(other)), other);
  assert.equal(await aLittle({ ...config, isUnnamed: true }, waiting.note, waiting)(chain), 'chain');
});
