import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { asChain } from '../src/chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { type RegtestServer, serveRegtest } from '../src/chain/regtest/server.ts';
import { amount } from '../src/core/base/amount.ts';
import { type ChannelId, channelId } from '../src/core/base/bytes.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { scriptOf } from '../src/core/tx/address.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { watchFolder } from '../src/merchant/watch/folder.ts';
import { type Agent, openAgent } from '../src/payer/agent.ts';
import { memoryStore } from '../src/store/memory.ts';
import { must } from '../src/testing/channel-world.ts';
import { httpConnection } from '../src/transport/http/client.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import { openWallet } from '../src/wallet/wallet.ts';

const DOGE = 100_000_000n;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const root = mkdtempSync(join(tmpdir(), 'pawment-watch-'));
const datadir = join(root, 'shop');
const folder = join(root, 'watched');

let regtest: Regtest;
let node: RegtestServer;
let shop: ChildProcess | undefined;
before(async () => {
  mkdirSync(folder);
  mkdirSync(datadir);
  regtest = createRegtest({ coin });
  regtest.mine(1_360);
  node = await serveRegtest(regtest);
});
after(async () => {
  shop?.kill('SIGKILL');
  await node.close();
  rmSync(root, { recursive: true });
});

const env = { ...process.env, PAWMENT_PASSPHRASE: 'much secret' };
const common = (): readonly string[] => ['--rpc-url', node.url, '--datadir', datadir, '--json'];

interface Ended {
  readonly code: number;
  readonly json: Readonly<Record<string, unknown>>;
}

/** A command that runs to its end. */
function pawment(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/pawment.js', ...words, ...common()], { env }, (error, stdout) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, json: JSON.parse(stdout) });
    });
  });
}

function shopOf({ json }: Ended): Readonly<Record<string, unknown>> {
  return z.record(z.string(), z.unknown()).parse(json['merchant']);
}

/** A merchant that keeps files for watchers and shows its figures. */
async function openShop(): Promise<{ readonly url: string; readonly metrics: string }> {
  const words = [
    'merchant',
    '--price',
    'tea=0.1',
    '--depth',
    '1',
    '--listen',
    '127.0.0.1:0',
    '--metrics',
    '127.0.0.1:0',
    '--watch-to',
    folder,
  ];
  shop = spawn(process.execPath, ['bin/pawment.js', ...words, ...common()], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { stdout, stderr } = shop;
  if (stdout === null || stderr === null) return assert.fail();
  const notes = createInterface(stderr);
  const shown = new Promise<string>((resolve) => {
    notes.on('line', (line) => {
      const [, url] = /^Figures are shown at (.*)\.$/.exec(line) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
  const gone = once(shop, 'exit').then(() => assert.fail('the merchant has stopped'));
  const [line]: unknown[] = await Promise.race([once(createInterface(stdout), 'line'), gone]);
  gone.catch(() => undefined);
  return { url: JSON.parse(String(line)).url, metrics: await shown };
}

async function payer(): Promise<Agent & { readonly mine: (blocks: number) => Promise<void> }> {
  const chain = asChain(regtest);
  const store = memoryStore();
  const keys = seedKeyRing(coin, random.bytes(32));
  const wallet = await openWallet({ chain, store, keys });
  const { verify } = await fastestVerifier();
  const agent = openAgent({ chain, store, keys, wallet, verify, clock: { now: Date.now }, form: 'compact' });
  const mine = async (blocks: number): Promise<void> => {
    regtest.mine(blocks);
    await wallet.sync();
    await agent.poll();
  };
  regtest.fund(await wallet.receiveAddress(), amount(500n * DOGE));
  await mine(1);
  return { ...agent, mine };
}

/** Resolves once the file for watchers holds a total. */
async function isWatched(channel: ChannelId, total: bigint): Promise<void> {
  const changes = watch(folder);
  const isThere = async (): Promise<boolean> => {
    const read = await watchFolder(folder).read(channel);
    return read !== undefined && !('kind' in read) && read.total === total;
  };
  if (await isThere()) return;
  for await (const _ of changes) if (await isThere()) return;
}

test('a merchant shows its figures; killed for good, it is closed for by a watcher that has no keys', async () => {
  const { url, metrics } = await openShop();
  const payee = httpConnection(url);
  const agent = await payer();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail(offer.kind);
  const { channel } = must(await agent.plan(offer, offer.minExpiry, scriptOf(coin, regtest.newAddress()) ?? assert.fail()));
  must(await agent.fund(channel, amount(100n * DOGE), payee));
  await agent.mine(2);
  assert.equal(must(await agent.announce(channel, payee)).reply.kind, 'accepted');
  for (let i = 0; i < 3; i++) must(await agent.pay(channel, must(await agent.invoice(channel, 'tea', payee)), payee));
  assert.equal((await payee.exchange({ kind: 'state-request', channel: channelId('ab'.repeat(32)) })).kind, 'refusal');

  const running = await pawment('status');
  assert.equal(running.code, 0);
  assert.deepEqual(running.json['merchant'], {
    ...shopOf(running),
    ...{ isRunning: true, source: 'the running merchant', atRisk: String((3n * DOGE) / 10n), nearestExpiry: offer.minExpiry },
    ...{ channels: { open: 1, paused: 0, closing: 0 }, refusals: { 'channel-unknown': 1 }, attention: [] },
  });
  const text = await (await fetch(`${metrics}`)).text();
  assert.match(text, /^pawment_at_risk_coins 0\.3$/m);
  assert.match(text, /^pawment_answers_total\{kind="receipt"\} 3$/m);
  assert.match(text, /^pawment_channels\{state="open"\} 1$/m);
  assert.equal((await fetch(`${url}/metrics`)).status, 404);

  await isWatched(channel, (3n * DOGE) / 10n);
  shop?.kill('SIGKILL');
  const stopped = await pawment('status');
  assert.equal(stopped.code, 4);
  const { isRunning, source, attention } = shopOf(stopped);
  assert.deepEqual([isRunning, source], [false, 'the store']);
  assert.match(String(attention), /not running, and 0\.3 DOGE are at risk/);

  const closing = offer.minExpiry - offer.closingMargin;
  await agent.mine(closing - regtest.tip.height + offer.closingMargin / 4 - 1);
  const quiet = await pawment('watch', folder, '--once');
  assert.deepEqual([quiet.code, quiet.json['sent'], quiet.json['alarms']], [0, [], []]);
  await agent.mine(1);
  const due = await pawment('watch', folder, '--once');
  assert.equal(due.code, 0);
  const [sent] = z.array(z.object({ channel: z.string(), transaction: z.string(), outcome: z.string() })).parse(due.json['sent']);
  assert.deepEqual([sent?.channel, sent?.outcome], [channel, 'accepted']);
  assert.deepEqual(regtest.mempool(), [sent?.transaction]);
  await agent.mine(coin.channel.buried + 1);
  const over = await agent.engine.get(channel);
  assert.ok(over?.kind === 'ended' && over.how === 'closed', over?.kind);
  assert.equal(over.returned, 100n * DOGE - (3n * DOGE) / 10n);
});

test('status and watch say what there is not', async () => {
  const nothing = await new Promise<number>((resolve) => {
    execFile(process.execPath, ['bin/pawment.js', 'status', '--datadir', join(root, 'none')], { env }, (error) =>
      resolve(Number(error?.code ?? 0)),
    );
  });
  assert.equal(nothing, 2);
  const absent = await pawment('watch', join(root, 'absent'), '--once');
  assert.deepEqual([absent.code, absent.json['error']], [2, 'config']);
});
