import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { WorldError } from '../engine/ports.ts';
import { type FakeAnswer, fakeNode } from '../testing/fake-node.ts';
import { aLittle, atOnce, nodeWait, type WaitOptions } from './node-wait.ts';
import { openNode } from './open.ts';

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
