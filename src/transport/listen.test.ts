import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WorldError } from '../engine/ports.ts';
import { listen } from './listen.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'pawment-listen-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function server(t: TestContext, name: string = 'one'): Server {
  const made = createServer((socket) => socket.end(name));
  t.after(() => made.close());
  return made;
}

/** Who answers there. */
async function answers(path: string): Promise<string> {
  const socket = connect(path).setEncoding('utf8');
  const [name]: unknown[] = await once(socket, 'data');
  return String(name);
}

/** Leaves a socket file, as a program does that is killed. */
async function crash(path: string): Promise<void> {
  const program = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', program, path], { stdio: 'inherit' }), 'close');
  assert.ok(lstatSync(path).isSocket());
}

const isConfig = (pattern: RegExp) => (error: unknown) =>
  error instanceof WorldError && error.code === 'config' && pattern.test(error.message);

test('a socket file is for its owner and group, whatever the umask, and goes with its server', async (t) => {
  const path = join(folder(t), 'shop.sock');
  for (const umask of [0o000, 0o077]) {
    const before = process.umask(umask);
    const made = server(t);
    await listen(made, { path }).finally(() => process.umask(before));
    assert.equal(statSync(path).mode & 0o777, 0o660);
    assert.equal(await answers(path), 'one');
    made.close();
    await once(made, 'close');
    assert.equal(existsSync(path), false);
  }
});

test('what a crash left is taken over', async (t) => {
  const path = join(folder(t), 'shop.sock');
  await crash(path);
  await listen(server(t), { path });
  assert.equal(await answers(path), 'one');
});

test('while another serves there, nobody takes it over', async (t) => {
  const path = join(folder(t), 'shop.sock');
  await listen(server(t, 'first'), { path });
  await assert.rejects(listen(server(t, 'second'), { path }), isConfig(/shop\.sock/));
  assert.equal(await answers(path), 'first');
});

test('of several that find what a crash left, one serves and is found there; the others are refused', async (t) => {
  for (let round = 0; round < 5; round++) {
    const path = join(folder(t), 'shop.sock');
    await crash(path);
    const made = Array.from({ length: 5 }, (_, i) => server(t, String(i)));
    const results = await Promise.allSettled(made.map((one) => listen(one, { path })));
    const serving = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [String(i)] : []));
    assert.deepEqual(serving, [await answers(path)]);
  }
});

test('what is no socket is not touched', async (t) => {
  const home = folder(t);
  const file = join(home, 'notes');
  writeFileSync(file, 'mine');
  const link = join(home, 'link');
  symlinkSync(file, link);
  for (const path of [file, link, home]) await assert.rejects(listen(server(t), { path }), isConfig(/not a socket/));
  assert.equal(statSync(file).size, 4);
});

test('a folder that is not there, and a path that is too long for the system, are said', async (t) => {
  const home = folder(t);
  await assert.rejects(listen(server(t), { path: join(home, 'none', 'shop.sock') }), isConfig(/none/));
  await assert.rejects(listen(server(t), { path: join(home, 'x'.repeat(120)) }), isConfig(/xxx/));
});
