import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { isWorldError } from '../../../test/conformance/suite/line.ts';
import { manualTimers } from '../../../test/world/manual-timers.ts';
import { concatBytes } from '../../core/base/bytes.ts';
import { type Line, WorldError } from '../../engine/ports.ts';
import { encodeFrame, FrameReader } from '../frame.ts';
import { connectTcp } from './connect.ts';
import { type ServeTcpOptions, serveTcp, type TcpServer } from './serve.ts';

interface Shop {
  readonly server: TcpServer;
  readonly errors: unknown[];
}

async function open(t: TestContext, onLine: (line: Line, keep: () => void) => Promise<void>, options: ServeTcpOptions = {}): Promise<Shop> {
  const errors: unknown[] = [];
  const server = await serveTcp(onLine, { onError: (error) => void errors.push(error), ...options });
  t.after(() => server.close());
  return { server, errors };
}

/** Says back what it hears. */
async function echo(line: Line): Promise<void> {
  for await (const body of line.frames) await line.send(body);
}

/** A peer of no particular manners. */
async function dial(t: TestContext, { server }: Shop, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: server.port, localAddress, noDelay: true });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** The bodies of all that comes until the other side ends, and how it did. */
async function heard(socket: Socket): Promise<{ readonly bodies: readonly Uint8Array[]; readonly isReset: boolean }> {
  const reader = new FrameReader(1 << 20);
  const bodies: Uint8Array[] = [];
  try {
    for await (const chunk of socket) bodies.push(...reader.read(chunk));
    return { bodies, isReset: false };
  } catch {
    return { bodies, isReset: true };
  }
}

/** Another peer says something, and hears it back after the `greeting` of this server. */
async function isServing(shop: Shop, ...greeting: Uint8Array[]): Promise<void> {
  const line = await connectTcp('127.0.0.1', shop.server.port);
  await line.send(Uint8Array.of(42));
  const back: Uint8Array[] = [];
  for await (const body of line.frames) if (back.push(body) > greeting.length) break;
  assert.deepEqual(back, [...greeting, Uint8Array.of(42)]);
  await line.close();
}

const ONE = Uint8Array.of(1);
const HALF = encodeFrame(new Uint8Array(10)).subarray(0, 8);
const isUnreachable = isWorldError('peer-unreachable');
const isNonsense = isWorldError('peer-nonsense');

describe('what comes over TCP', () => {
  test('a frame leaves in one piece', async (t) => {
    const sent: Promise<void>[] = [];
    const shop = await open(t, async (line) => {
      sent.push(line.send(new Uint8Array(100)));
      await echo(line);
    });
    const socket = await dial(t, shop);
    const [chunk]: Uint8Array[] = await once(socket, 'data');
    assert.equal(chunk?.length, 104);
    await Promise.all(sent);
  });

  test('byte by byte it is the same', async (t) => {
    const shop = await open(t, echo);
    const socket = await dial(t, shop);
    const bodies = [new Uint8Array(0), ONE, new Uint8Array(500).fill(9)];
    for (const byte of concatBytes(...bodies.map(encodeFrame))) {
      await new Promise((resolve) => socket.write(Uint8Array.of(byte), resolve));
    }
    socket.end();
    assert.deepEqual(await heard(socket), { bodies, isReset: false });
    assert.deepEqual(shop.errors, []);
  });

  for (const [name, length] of [
    ['one byte too long', [0, 0, 0x80, 0]],
    ['negative', [0xff, 0xff, 0xff, 0xff]],
    ['text', [0x47, 0x45, 0x54, 0x20]],
  ] as const) {
    test(`a length that is none ends the line after what came before it: ${name}`, async (t) => {
      const shop = await open(t, echo);
      const socket = await dial(t, shop);
      socket.write(concatBytes(encodeFrame(ONE), Uint8Array.from(length), new Uint8Array(100_000)));
      assert.deepEqual(await heard(socket), { bodies: [ONE], isReset: false });
      await isServing(shop);
      assert.equal(shop.errors.length, 1);
      assert.ok(isNonsense(shop.errors[0]));
    });
  }

  test('the longest message is taken', async (t) => {
    const longest = new Uint8Array(32_767).fill(3);
    const shop = await open(t, echo);
    const socket = await dial(t, shop);
    socket.end(encodeFrame(longest));
    assert.deepEqual(await heard(socket), { bodies: [longest], isReset: false });
    assert.deepEqual(shop.errors, []);
  });

  for (const [name, leave] of [
    ['ends', (socket: Socket) => socket.end()],
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
  ] as const) {
    test(`a connection that ${name} within a message harms nobody`, async (t) => {
      const shop = await open(t, echo);
      const socket = await dial(t, shop);
      socket.write(concatBytes(encodeFrame(ONE), HALF));
      await once(socket, 'data');
      leave(socket);
      await once(socket, 'close');
      await isServing(shop);
      assert.equal(shop.errors.length, 1);
      assert.ok(isUnreachable(shop.errors[0]));
    });
  }

  test('connections that are reset as soon as they are made harm nobody', async (t) => {
    const shop = await open(t, async (line) => {
      await line.send(ONE);
      await echo(line);
    });
    for (let i = 0; i < 30; i++) {
      const socket = await dial(t, shop);
      if (i % 2 === 0) socket.write(HALF);
      socket.resetAndDestroy();
    }
    await isServing(shop, ONE);
    assert.ok(shop.errors.every(isUnreachable));
  });

  test('half a message, and then a byte at a time, does not gain time', async (t) => {
    const timers = manualTimers();
    const shop = await open(t, echo, { timers, idle: 1_000 });
    const socket = await dial(t, shop);
    const end = heard(socket);
    await timers.isSet(1_000);
    for (const byte of HALF) {
      await new Promise((resolve) => socket.write(Uint8Array.of(byte), resolve));
      // What is said on another line later is heard later: the byte is there.
      await isServing(shop);
      timers.advance(100);
    }
    assert.deepEqual(shop.errors, []);
    timers.advance(200);
    assert.deepEqual(await end, { bodies: [], isReset: false });
    assert.equal(shop.errors.length, 1);
    assert.ok(isUnreachable(shop.errors[0]));
  });
});

describe('what goes over TCP', () => {
  /** More than the system keeps for a peer that does not read: some of it waits in here. */
  const MANY = Array.from({ length: 700 }, (_, i) => new Uint8Array(32_000).fill(i));

  test('a peer that begins to read only after the end gets everything, the last message too', async (t) => {
    const shop = await open(t, async (line) => void MANY.map((body) => line.send(body)), { mostUnsent: 2 ** 30 });
    const socket = await dial(t, shop);
    await once(socket, 'readable');
    const { bodies, isReset } = await heard(socket);
    assert.equal(bodies.length, MANY.length);
    assert.deepEqual(bodies.at(-1), MANY.at(-1));
    assert.ok(!isReset);
  });

  test('which is not so when a socket is just closed', async (t) => {
    const server = createServer((socket) => {
      for (const body of MANY) socket.write(encodeFrame(body));
      socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const socket = connect(address.port, '127.0.0.1');
    assert.notEqual((await heard(socket)).bodies.length, MANY.length);
  });

  test('the last message gets there although what the peer said is left unread', async (t) => {
    const shop = await open(t, (line) => line.send(ONE));
    const socket = await dial(t, shop);
    const written = new Promise((resolve) => socket.write(new Uint8Array(20_000_000), resolve));
    assert.deepEqual(await heard(socket), { bodies: [ONE], isReset: false });
    await written;
  });

  test('what the system takes at once does not wait, however much was said at one go', async (t) => {
    const some = Array.from({ length: 20 }, (_, i) => new Uint8Array(100).fill(i));
    const shop = await open(t, async (line) => void (await Promise.all(some.map((body) => line.send(body)))), { mostUnsent: 500 });
    assert.deepEqual((await heard(await dial(t, shop))).bodies, some);
    assert.deepEqual(shop.errors, []);
  });

  test('a peer that does not read is dropped when too much waits for it', async (t) => {
    const results: PromiseSettledResult<void>[] = [];
    const shop = await open(t, async (line) => {
      results.push(...(await Promise.allSettled(MANY.map((body) => line.send(body)))));
      await echo(line);
    });
    const socket = await dial(t, shop);
    await once(socket, 'readable');
    assert.ok((await heard(socket)).bodies.length < MANY.length);
    assert.equal(shop.errors.length, 1);
    assert.ok(isUnreachable(shop.errors[0]));
    assert.equal(results[0]?.status, 'fulfilled');
    const last = results.at(-1);
    assert.ok(last?.status === 'rejected' && isUnreachable(last.reason));
  });

  test('a peer that reads nothing for too long is dropped; who reads again in time has as long once more', async (t) => {
    const timers = manualTimers();
    const progress = new EventEmitter();
    let sent = 0;
    const say = async (line: Line): Promise<void> => {
      for (const body of MANY) {
        await line.send(body);
        sent++;
        progress.emit('sent');
      }
    };
    const shop = await open(t, say, { timers, stall: 3_000, idle: undefined });
    const slow = await dial(t, shop);
    await timers.isSet(3_000);
    timers.advance(2_999);
    const taken = once(progress, 'sent');
    slow.resume();
    await taken;
    slow.pause();
    await timers.isSet(3_000);
    timers.advance(2_999);
    slow.resume();
    await once(slow, 'end');
    assert.equal(sent, MANY.length);
    assert.deepEqual(shop.errors, []);

    const deaf = await dial(t, shop);
    await timers.isSet(3_000);
    timers.advance(3_000);
    assert.ok((await heard(deaf)).bodies.length < MANY.length);
    assert.equal(shop.errors.length, 1);
    assert.ok(isUnreachable(shop.errors[0]));
    assert.equal(timers.count(), 0);
  });

  test('who has ended its side is still answered', async (t) => {
    const shop = await open(t, async (line) => {
      let count = 0;
      for await (const _ of line.frames) count++;
      await line.send(Uint8Array.of(count));
    });
    const socket = await dial(t, shop);
    socket.end(concatBytes(encodeFrame(ONE), encodeFrame(ONE)));
    assert.deepEqual(await heard(socket), { bodies: [Uint8Array.of(2)], isReset: false });
  });

  test('a peer that does not end after the end is left', async (t) => {
    const timers = manualTimers();
    const shop = await open(t, (line) => line.send(ONE), { timers, linger: 2_000 });
    const socket = connect({ host: '127.0.0.1', port: shop.server.port, allowHalfOpen: true });
    t.after(() => socket.destroy());
    const end = heard(socket);
    await timers.isSet(2_000);
    timers.advance(2_000);
    assert.deepEqual((await end).bodies, [ONE]);
    await shop.server.close();
  });
});

describe('a TCP server', () => {
  test('holds two thousand lines at once', async (t) => {
    const shop = await open(t, echo, { mostPerAddress: 2_000 });
    const lines: Line[] = [];
    while (lines.length < 2_000) {
      lines.push(...(await Promise.all(Array.from({ length: 100 }, () => connectTcp('127.0.0.1', shop.server.port)))));
    }
    await Promise.all(
      lines.map(async (line, i) => {
        const body = Uint8Array.of(i >> 8, i & 0xff);
        await line.send(body);
        for await (const back of line.frames) {
          assert.deepEqual(back, body);
          break;
        }
      }),
    );
    await Promise.all(lines.map((line) => line.close()));
    assert.deepEqual(shop.errors, []);
  });

  test('who has shown nothing gives way to who comes beyond the most, the first first; who has keeps its place', async (t) => {
    const known = async (line: Line, keep: () => void): Promise<void> => {
      for await (const body of line.frames) {
        keep();
        await line.send(body);
      }
    };
    const shop = await open(t, known, { mostConnections: 3 });
    const says = async (socket: Socket): Promise<void> => {
      socket.write(encodeFrame(ONE));
      await once(socket, 'data');
    };
    const [first, second, third] = [await dial(t, shop), await dial(t, shop), await dial(t, shop)];
    await says(first);
    const gone = [second, third].map((socket) => once(socket, 'close'));
    const [fourth, fifth] = [await dial(t, shop), await dial(t, shop)];
    await Promise.all(gone);
    for (const socket of [first, fourth, fifth]) await says(socket);
    assert.deepEqual((await heard(await dial(t, shop))).bodies, [], 'all have shown something');
    await says(first);
  });

  test('drops connections beyond the most, in all and of one address, and takes others when those have ended', async (t) => {
    let count = 0;
    const counted = (line: Line, keep: () => void): Promise<void> => {
      count++;
      keep();
      return echo(line);
    };
    const shop = await open(t, counted, { mostConnections: 3, mostPerAddress: 2 });
    for (let round = 1; round <= 3; round++) {
      const [first, second] = [await dial(t, shop), await dial(t, shop)];
      assert.deepEqual((await heard(await dial(t, shop))).bodies, []);
      const third = await dial(t, shop, '127.0.0.2');
      assert.deepEqual((await heard(await dial(t, shop, '127.0.0.3'))).bodies, []);
      for (const socket of [first, second, third]) {
        socket.end(encodeFrame(ONE));
        assert.deepEqual((await heard(socket)).bodies, [ONE]);
      }
      assert.equal(count, 3 * round);
    }
  });

  test('a handler that fails ends its own line', async (t) => {
    const fault = new Error('a fault');
    const shop = await open(t, async (line) => {
      for await (const body of line.frames) {
        if (body.length === 0) throw fault;
        await line.send(body);
      }
    });
    const socket = await dial(t, shop);
    socket.write(concatBytes(encodeFrame(ONE), encodeFrame(new Uint8Array(0))));
    assert.deepEqual(await heard(socket), { bodies: [ONE], isReset: false });
    await isServing(shop);
    assert.deepEqual(shop.errors, [fault]);
  });

  test('closing lets what is under way be answered and every handler say its last', async (t) => {
    let answer: (() => void) | undefined;
    const isAsked = new Promise<void>((asked) => {
      answer = asked;
    });
    let release: () => void = () => undefined;
    const isReleased = new Promise<void>((resolve) => {
      release = resolve;
    });
    const shop = await open(t, async (line) => {
      for await (const body of line.frames) {
        answer?.();
        await isReleased;
        await line.send(body);
      }
      await line.send(Uint8Array.of(99));
    });
    const [busy, idle] = [await dial(t, shop), await dial(t, shop)];
    busy.write(concatBytes(encodeFrame(ONE), encodeFrame(ONE)));
    await isAsked;
    const closed = shop.server.close();
    assert.deepEqual(await heard(idle), { bodies: [Uint8Array.of(99)], isReset: false });
    await assert.rejects(connectTcp('127.0.0.1', shop.server.port), isUnreachable);
    release();
    assert.deepEqual(await heard(busy), { bodies: [ONE, Uint8Array.of(99)], isReset: false });
    await closed;
    await shop.server.close();
    assert.deepEqual(shop.errors, []);
  });

  test('closing does not wait for ever for a handler', async (t) => {
    const timers = manualTimers();
    let isOver: () => void = () => undefined;
    const over = new Promise<void>((resolve) => {
      isOver = resolve;
    });
    const shop = await open(
      t,
      async (line) => {
        await line.send(ONE);
        await over;
      },
      { timers, grace: 4_000 },
    );
    const socket = await dial(t, shop);
    const end = heard(socket);
    const closed = shop.server.close();
    timers.advance(4_000);
    assert.deepEqual(await end, { bodies: [ONE], isReset: false });
    await closed;
    isOver();
  });

  test('a port that is taken is said so', async (t) => {
    const { server } = await open(t, echo);
    await assert.rejects(serveTcp(echo, { port: server.port }), isWorldError('config'));
  });
});

describe('connecting over TCP', () => {
  test('where nobody listens is said so, by name too', async () => {
    const server = await serveTcp(echo);
    await server.close();
    for (const host of ['127.0.0.1', 'localhost']) {
      await assert.rejects(
        connectTcp(host, server.port),
        (error) => isUnreachable(error) && error instanceof WorldError && error.message.includes('ECONNREFUSED'),
      );
    }
  });

  test('is given up in time', async (t) => {
    const timers = manualTimers();
    const { server } = await open(t, echo);
    const late = connectTcp('127.0.0.1', server.port, { timers, timeout: 500 });
    timers.advance(500);
    await assert.rejects(late, isUnreachable);
    const line = await connectTcp('127.0.0.1', server.port, { timers, timeout: 500 });
    assert.equal(timers.count(), 0);
    await line.close();
  });

  test('a port that there is not is said so', async () => {
    for (const port of [0, 65_536, 1.5, Number.NaN]) await assert.rejects(connectTcp('127.0.0.1', port), isWorldError('config'));
  });
});
