import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { type RegtestServer, serveRegtest } from '../src/chain/regtest/server.ts';
import { amount } from '../src/core/base/amount.ts';
import { txId } from '../src/core/base/bytes.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';

const DOGE = 100_000_000n;
const root = mkdtempSync(join(tmpdir(), 'pawment-bitcoinj-'));
const env = { ...process.env, PAWMENT_PASSPHRASE: 'much secret', PAWMENT_COIN: coin.id };
let regtest: Regtest;
let node: RegtestServer;
let shop: ChildProcess | undefined;

before(async () => {
  regtest = createRegtest({ coin });
  regtest.mine(1_360);
  node = await serveRegtest(regtest);
});
after(async () => {
  shop?.kill('SIGKILL');
  await node.close();
  rmSync(root, { recursive: true });
});

function settings(role: string): readonly string[] {
  return ['--rpc-url', node.url, '--datadir', join(root, role), '--json'];
}

/** A payer's command that runs to its end. */
async function pawment(...words: readonly string[]): Promise<{ readonly code: number; readonly out: unknown; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/pawment.js', ...words, ...settings('payer')], { env }, (error, stdout, said) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: JSON.parse(stdout), said });
    });
  });
}

/** A merchant that delivers at once; the port where it serves bitcoinj's payers. */
async function openShop(): Promise<number> {
  const words = ['merchant', '--listen', '127.0.0.1:0', '--bitcoinj', ':0', '--price', 'tea=0.1', '--unconfirmed', '5', '--exposure', '50'];
  shop = spawn(process.execPath, ['bin/pawment.js', ...words, ...settings('merchant')], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [first] = await once(createInterface({ input: shop.stdout ?? assert.fail() }), 'line');
  return z.object({ bitcoinj: z.int() }).parse(JSON.parse(z.string().parse(first))).bitcoinj;
}

const paid = z.object({
  channel: z.string(),
  contract: z.string(),
  state: z.string(),
  paid: z.coerce.bigint(),
  paidNow: z.coerce.bigint(),
  payments: z.int(),
  settlement: z.string().optional(),
});

test('bitcoinj’s protocol on the command line, at both ends', async () => {
  const server = `127.0.0.1:${await openShop()}`;
  assert.equal((await pawment('wallet', 'init')).code, 0);
  const { address } = z.object({ address: z.string() }).parse((await pawment('wallet', 'address')).out);
  regtest.fund(address, amount(500n * DOGE));
  regtest.mine(1);

  const opened = await pawment('pay', '--bitcoinj', server, '--deposit', '10', '--amount', '0.1', '--info', 'tea');
  assert.equal(opened.code, 0, JSON.stringify(opened));
  assert.match(opened.said, /is open\nanswer: tea for 0\.1\n/);
  const first = paid.parse(opened.out);
  assert.deepEqual([first.contract, first.state, first.paidNow, first.payments], ['cltv-time', 'open', DOGE / 10n, 1]);

  const short = await pawment('pay', '--bitcoinj', server, '--amount', '0.05', '--info', 'tea', '--times', '20');
  assert.match(short.said, /goes on\nanswer: tea for 0\.1; got 0\.05 DOGE only\n/);
  const second = paid.parse(short.out);
  assert.deepEqual([second.channel, second.paidNow, second.paid], [first.channel, DOGE, first.paid + DOGE]);

  const last = paid.parse((await pawment('pay', '--bitcoinj', server, '--settle')).out);
  const settlement = txId(last.settlement ?? assert.fail('no settlement'));
  assert.ok(regtest.mempool().includes(settlement));
  regtest.mine(61);
  // Reads the chain.
  await pawment('wallet', 'balance');
  const channels = z
    .array(z.object({ channel: z.string(), state: z.string(), returned: z.coerce.bigint() }))
    .parse((await pawment('channels')).out);
  assert.deepEqual(channels, [{ channel: first.channel, state: 'ended', returned: 10n * DOGE - last.paid }]);

  const nothing = await pawment('pay', '--bitcoinj', server, '--amount', '0.1');
  assert.equal(nothing.code, 1, 'without a deposit there is no new channel');
});

test('a port where nobody listens is said to be none', async () => {
  const { code, out } = await pawment('pay', '--bitcoinj', '127.0.0.1:1', '--amount', '0.1');
  assert.deepEqual([code, z.object({ error: z.string() }).parse(out).error], [3, 'peer-unreachable']);
});
