import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { createRegtest, type Regtest } from '../../src/chain/regtest/regtest.ts';
import { type RegtestServer, serveRegtest } from '../../src/chain/regtest/server.ts';
import { amount } from '../../src/core/base/amount.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { endpoints } from '../../src/transport/http/endpoints.ts';
import { example, unitCommands } from '../deploy.ts';
import { Serving } from '../serving.ts';
import { openssl, whyLeftOut } from './program.ts';
import { proxies, type RunningProxy, selfSigned, startProxy } from './proxy.ts';

// The merchant as its unit starts it, on its socket, behind a real nginx and a real Caddy with TLS, as the examples configure both.

const run = promisify(execFile);
const auth = { kind: 'password', user: 'pawment', password: 'much rpc' } as const;
const names = ['nginx', 'caddy'] as const;

/** Why the tests of one are left out. */
const whyWithout = (name: (typeof names)[number]): string | undefined => whyLeftOut(proxies[name].program) ?? whyLeftOut(openssl);

let folder: string;
let regtest: Regtest;
let node: RegtestServer;
let merchant: Serving | undefined;
let tls: { readonly certificate: string; readonly key: string };
const inFolder = (name: string): string => join(folder, name);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pawment-proxy-'));
  regtest = createRegtest({ coin });
  regtest.mine(1_400);
  node = await serveRegtest(regtest, auth);
  if (names.some((name) => whyWithout(name) === undefined)) tls = selfSigned(folder);
  merchant = startMerchant();
  await merchant.up;
  await pay(['wallet', 'init']);
  regtest.fund((await pay(['wallet', 'address'])).trim(), amount(50_000_000_000n));
  regtest.mine(1);
});

after(async () => {
  await merchant?.kill();
  await node.close();
  rmSync(folder, { recursive: true });
});

/** By the command of its unit, with the settings of the examples, folders and node of this test, and credentials as systemd shows them. */
function startMerchant(): Serving {
  for (const name of ['run', 'credentials']) mkdirSync(inFolder(name));
  writeFileSync(inFolder('credentials/passphrase'), 'much secret\n');
  writeFileSync(inFolder('credentials/rpc-password'), `${auth.password}\n`);
  const changes = { '/var/lib/pawment': inFolder('lib'), '/run/pawment': inFolder('run'), '127.0.0.1:9402': '127.0.0.1:0' };
  const settings = example('pawment.json', { ...changes, 'http://127.0.0.1:22555': node.url, '"dogecoin"': `"${coin.id}"` });
  writeFileSync(inFolder('pawment.json'), settings);
  const [words = []] = commandsOf('merchant');
  const env = { PATH: process.env['PATH'], HOME: folder, CREDENTIALS_DIRECTORY: inFolder('credentials') };
  return new Serving(spawn(process.execPath, ['bin/pawment.js', ...words, '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** What a unit runs, with the folders of this test. */
function commandsOf(unit: string, changes: Readonly<Record<string, string>> = {}): readonly (readonly string[])[] {
  const here = { '/etc/pawment/pawment.json': inFolder('pawment.json'), ...changes };
  return unitCommands(example(`systemd/pawment-${unit}.service`, here));
}

/** A payer's command. */
async function pay(words: readonly string[]): Promise<string> {
  const settings = ['--datadir', inFolder('payer'), '--rpc-url', node.url, '--rpc-user', auth.user];
  const env = {
    ...{
      PATH: process.env['PATH'],
      HOME: folder,
      PAWMENT_COIN: coin.id,
      PAWMENT_RPC_PASSWORD: auth.password,
      PAWMENT_PASSPHRASE: 'such payer',
    },
    NODE_EXTRA_CA_CERTS: inFolder('certificate.pem'),
  };
  return (await run(process.execPath, ['bin/pawment.js', ...words, ...settings], { env })).stdout;
}

interface Asked {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly said: string;
}

interface Asking {
  /** Where it comes from: all of 127.0.0.0/8 is this machine. */
  readonly from?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Takes the certificate for good; as is usual unless said. */
  readonly trusts?: boolean;
}

async function ask(
  { port }: RunningProxy,
  path: string,
  { from = '127.0.0.1', headers = {}, body, trusts = true }: Asking = {},
): Promise<Asked> {
  const asked = request({
    ...{ host: '127.0.0.1', servername: 'localhost', port, path, agent: false, localAddress: from },
    ...(trusts && { ca: readFileSync(tls.certificate) }),
    method: body === undefined ? 'GET' : 'POST',
    headers: { host: `localhost:${port}`, 'content-type': 'application/json', ...headers },
  }).end(body);
  const [response] = await once(asked, 'response');
  return { status: response.statusCode, type: response.headers['content-type'], said: await text(response) };
}

/** Announcements that are none, each from somebody else if one believes what it says of itself. */
function announceMany(proxy: RunningProxy, from: string, count: number, body: string): Promise<readonly Asked[]> {
  const one = (i: number): Promise<Asked> => {
    const said = `10.0.${from.split('.').at(-1)}.${i}`;
    return ask(proxy, '/v1/channels', { from, body, headers: { 'x-forwarded-for': `${said}, ${said}`, forwarded: `for=${said}` } });
  };
  return Promise.all(Array.from({ length: count }, (_, i) => one(i)));
}

/** Half a megabyte costs forty units of the six hundred that an address has, of which it gets sixty back in a second. */
const COSTLY = `"${'a'.repeat(500_000)}"`;
const isRefused = ({ status }: Asked): boolean => status === 429;

test('what the image asks for its health is told when the merchant is ready, and when there is none', async () => {
  const healthOf = (socket: string): Promise<unknown> => {
    const [, words = ''] = /^HEALTHCHECK .*CMD (\[.*\])$/m.exec(example('docker/Dockerfile', { '/run/pawment/shop.sock': socket })) ?? [];
    const [, ...args] = z.array(z.string()).parse(JSON.parse(words));
    return run(process.execPath, args);
  };
  await healthOf(inFolder('run/shop.sock'));
  await assert.rejects(healthOf(inFolder('run/none.sock')), { code: 1 });
});

test('the backup’s unit and the watcher’s run beside the merchant, with no more secrets than they are given', async () => {
  const env = { PATH: process.env['PATH'], HOME: folder };
  for (const words of commandsOf('backup', { '/var/backups/pawment': inFolder('backups') }))
    assert.match((await run(process.execPath, ['bin/pawment.js', ...words], { env })).stdout, /backup 1/);
  mkdirSync(inFolder('watcher'));
  writeFileSync(inFolder('watcher/rpc-password'), auth.password);
  const [words = []] = commandsOf('watch', { '/var/lib/pawment-watch': inFolder('lib/watch') });
  const watching = spawn(process.execPath, ['bin/pawment.js', ...words, '--json'], {
    env: { ...env, CREDENTIALS_DIRECTORY: inFolder('watcher') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const watcher = new Serving(watching);
  try {
    assert.deepEqual(await watcher.up, { watching: true });
  } finally {
    await watcher.kill();
  }
});

for (const [i, name] of names.entries()) {
  describe(`behind ${name}`, { skip: whyWithout(name) ?? false, timeout: 300_000 }, () => {
    let proxy: RunningProxy;
    let url: string;
    before(async () => {
      proxy = await startProxy(name, { ...tls, socket: inFolder('run/shop.sock') }, inFolder(name));
      url = `https://localhost:${proxy.port}`;
    });
    after(() => proxy.stop());

    test('a channel is opened and paid in over TLS', async () => {
      await assert.rejects(ask(proxy, '/v1/ready', { trusts: false }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      await pay(['open', url, '--deposit', '20', '--no-wait']);
      regtest.mine(6);
      await pay(['open', '--resume', url]);
      assert.match(await pay(['pay', url, '--item', 'tea', '--times', '5']), /5 payments, 0\.5\d* DOGE in all/);
    });

    test('it is asked whether it is ready, and takes a body as large as the merchant does', async () => {
      assert.deepEqual(await ask(proxy, '/v1/ready'), { status: 200, type: 'application/json', said: '{"status":"ok"}' });
      const most = Math.max(...Object.values(endpoints).map(({ body }) => body?.mostBytes ?? 0));
      const { status, type, said } = await ask(proxy, '/v1/channels', { body: `"${'a'.repeat(most - 2)}"`, from: `127.9.${i}.1` });
      assert.deepEqual([status, type], [400, 'application/problem+json'], said);
    });

    test('who says to be somebody else, in either header, draws on his own share; who is somebody else has another', async () => {
      const [one, other] = [`127.9.${i}.2`, `127.9.${i}.3`];
      let asked: readonly Asked[] = [];
      for (let round = 0; round < 10 && !asked.some(isRefused); round++) asked = await announceMany(proxy, one, 30, COSTLY);
      assert.ok(asked.some(isRefused));
      // Four hundred units: more than could have come back by now.
      assert.deepEqual((await announceMany(proxy, other, 40, '{}')).filter(isRefused), []);
    });
  });
}
