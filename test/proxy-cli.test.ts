import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { CommandLine } from './command-line.ts';

// The merchant's program behind proxies, as one of them asks it.

let cli: CommandLine;

before(async () => {
  cli = await CommandLine.open();
});
after(() => cli.close());

const MOST = 600;

interface Asked {
  readonly status: number | undefined;
  readonly said: string;
}

async function ask(to: { readonly socketPath: string } | { readonly port: number }, forwarded: string): Promise<Asked> {
  const asked = request({ ...to, agent: false, path: '/v1/nothing', headers: { host: 'localhost', 'x-forwarded-for': forwarded } }).end();
  const [response] = await once(asked, 'response');
  return { status: response.statusCode, said: await text(response) };
}

/** Asks many times at once, as a share fills again while requests are slow. */
const askMany = (to: Parameters<typeof ask>[0], forwarded: (i: number) => string): Promise<Asked[]> =>
  Promise.all(Array.from({ length: MOST / 2 }, (_, i) => ask(to, forwarded(i))));

/** One client's share is used up, and that of another that the same outer proxy saw is not. */
async function isToldApart(to: Parameters<typeof ask>[0]): Promise<boolean> {
  const isRefused = ({ status }: Asked): boolean => status === 429;
  let one: Asked[] = [];
  for (let i = 0; i < 10 && !one.some(isRefused); i++) one = await askMany(to, (i) => `6.6.6.${i % 250}, 10.0.0.1:${i}, 10.9.9.9`);
  assert.ok(one.some(isRefused));
  return (await askMany(to, () => '6.6.6.6, 10.0.0.2, 10.9.9.9')).every(({ status }) => status === 404);
}

const portOf = (up: unknown): number => Number(new URL(z.object({ url: z.string() }).parse(up).url).port);

test('--trust-proxy 2 believes two proxies, and --trust-proxy alone believes one', { timeout: 120_000 }, async () => {
  const two = await cli.serve('two', 'merchant', '--listen', '127.0.0.1:0', '--trust-proxy', '2');
  assert.equal(await isToldApart({ port: portOf(await two.up) }), true);
  const one = await cli.serve('one', 'merchant', '--listen', '127.0.0.1:0', '--trust-proxy');
  assert.equal(await isToldApart({ port: portOf(await one.up) }), false);
});

test('--listen unix: serves on a socket; a second merchant is refused there, and one after a crash is not', {
  timeout: 120_000,
}, async () => {
  const socketPath = cli.folder('shop.sock');
  const listen = ['--listen', `unix:${socketPath}`, '--trust-proxy'];
  const first = await cli.serve('first', 'merchant', ...listen);
  assert.equal(z.object({ url: z.string() }).parse(await first.up).url, `unix:${socketPath}`);
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  assert.equal((await ask({ socketPath }, '10.0.0.1')).status, 404);

  const { code, out } = await cli.run('second', 'merchant', ...listen);
  const refused = z.object({ error: z.string(), message: z.string() }).parse(out);
  assert.deepEqual([code, refused.error], [2, 'config']);
  assert.ok(refused.message.includes(socketPath), refused.message);
  assert.equal((await ask({ socketPath }, '10.0.0.1')).status, 404);

  await first.kill();
  assert.ok(existsSync(socketPath));
  await cli.serve('second', 'merchant', ...listen);
  assert.equal((await ask({ socketPath }, '10.0.0.1')).status, 404);
});
