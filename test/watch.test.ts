import assert from 'node:assert/strict';
import { mkdir, watch } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { asChain } from '../src/chain/regtest/port.ts';
import { amount } from '../src/core/base/amount.ts';
import { type ChannelId, channelId } from '../src/core/base/bytes.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { scriptOf } from '../src/core/tx/address.ts';
import { fastestSigner } from '../src/engine/signer.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { watchFolder } from '../src/merchant/watchtower/folder.ts';
import { type Agent, openAgent } from '../src/payer/agent.ts';
import { memoryStore } from '../src/store/memory.ts';
import { httpConnection } from '../src/transport/http/client.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import { openWallet } from '../src/wallet/wallet.ts';
import { CommandLine } from './command-line.ts';
import type { Serving } from './serving.ts';
import { must } from './world/sample.ts';

const DOGE = 100_000_000n;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
let cli: CommandLine;
let folder: string;

before(async () => {
  cli = await CommandLine.open();
  folder = cli.folder('watched');
  await mkdir(folder);
});
after(() => cli.close());

interface Ended {
  readonly code: number | null;
  readonly json: Readonly<Record<string, unknown>>;
}

/** A command in the shop's data folder. */
async function pawment(...words: readonly string[]): Promise<Ended> {
  const { code, out } = await cli.run('shop', ...words);
  return { code, json: z.record(z.string(), z.unknown()).parse(out) };
}

function shopOf({ json }: Ended): Readonly<Record<string, unknown>> {
  return z.record(z.string(), z.unknown()).parse(json['merchant']);
}

interface Shop {
  readonly url: string;
  readonly metrics: string;
  readonly serving: Serving;
}

/** A merchant that keeps files for watchers and shows its figures. */
async function openShop(): Promise<Shop> {
  const places = ['--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0', '--watch-to', folder];
  const serving = await cli.serve('shop', 'merchant', '--price', 'tea=0.1', '--depth', '1', ...places);
  const { url } = z.object({ url: z.string() }).parse(await serving.up);
  return { url, metrics: await serving.note(/^Figures are shown at (.*)\.$/), serving };
}

async function payer(): Promise<Agent & { readonly mine: (blocks: number) => Promise<void> }> {
  const chain = asChain(cli.regtest);
  const store = memoryStore();
  const keys = seedKeyRing(coin, random.bytes(32), fastestSigner());
  const wallet = await openWallet({ chain, store, keys });
  const { verify } = await fastestVerifier();
  const agent = openAgent({ chain, store, keys, wallet, verify, clock: { now: Date.now }, form: 'compact' });
  const mine = async (blocks: number): Promise<void> => {
    cli.regtest.mine(blocks);
    await wallet.sync();
    await agent.poll();
  };
  cli.regtest.fund(await wallet.receiveAddress(), amount(500n * DOGE));
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
  const { url, metrics, serving } = await openShop();
  const payee = httpConnection(url);
  const agent = await payer();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail(offer.kind);
  const { channel } = must(await agent.plan(offer, offer.minExpiry, scriptOf(coin, cli.regtest.newAddress()) ?? assert.fail()));
  must(await agent.fund(channel, amount(100n * DOGE), payee));
  await agent.mine(2);
  assert.equal(must(await agent.announce(channel, payee)).reply.kind, 'accepted');
  for (let i = 0; i < 3; i++)
    must(await agent.pay(channel, { ...must(await agent.invoice(channel, 'tea', payee)), most: amount(DOGE) }, payee));
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
  await serving.kill();
  const stopped = await pawment('status');
  assert.equal(stopped.code, 4);
  const { isRunning, source, attention } = shopOf(stopped);
  assert.deepEqual([isRunning, source], [false, 'the store']);
  assert.match(String(attention), /not running, and 0\.3 DOGE are at risk/);

  const closing = offer.minExpiry - offer.closingMargin;
  await agent.mine(closing - cli.regtest.tip.height + offer.closingMargin / 4 - 1);
  const quiet = await pawment('watch', folder, '--once');
  assert.deepEqual([quiet.code, quiet.json['sent'], quiet.json['alarms']], [0, [], []]);
  await agent.mine(1);
  const due = await pawment('watch', folder, '--once');
  assert.equal(due.code, 0);
  const [sent] = z.array(z.object({ channel: z.string(), transaction: z.string(), outcome: z.string() })).parse(due.json['sent']);
  assert.deepEqual([sent?.channel, sent?.outcome], [channel, 'accepted']);
  assert.deepEqual(cli.regtest.mempool(), [sent?.transaction]);
  await agent.mine(coin.channel.buried + 1);
  const over = await agent.engine.get(channel);
  assert.ok(over?.kind === 'ended' && over.how === 'closed', over?.kind);
  assert.equal(over.returned, 100n * DOGE - (3n * DOGE) / 10n);
});

test('status and watch say what there is not', async () => {
  assert.equal((await cli.run('none', 'status')).code, 2);
  const absent = await pawment('watch', cli.folder('absent'), '--once');
  assert.deepEqual([absent.code, absent.json['error']], [2, 'config']);
});
