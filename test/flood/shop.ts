import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { asChain } from '../../src/chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../../src/chain/regtest/regtest.ts';
import { serveRegtest } from '../../src/chain/regtest/server.ts';
import { amount } from '../../src/core/base/amount.ts';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import type { Pay } from '../../src/core/message/message.ts';
import { scriptOf } from '../../src/core/tx/address.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { type Agent, openAgent } from '../../src/payer/agent.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { httpConnection } from '../../src/transport/http/client.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { openWallet } from '../../src/wallet/wallet.ts';
import { must } from '../world/sample.ts';

const DOGE = 100_000_000n;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

/** A merchant as its owner runs it: a process of its own, with SQLite, on a node that answers over RPC. */
export interface Shop {
  readonly url: string;
  readonly port: number;
  /** Bytes of memory that the process holds. */
  readonly memory: () => number;
  /** Bytes of its store on disk. */
  readonly disk: () => number;
  /** Seconds of processor time it has used. */
  readonly processor: () => number;
  readonly regtest: Regtest;
  /** Stops it, and counts what is in its store. */
  readonly stop: () => Promise<Readonly<Record<string, number>>>;
}

export async function openShop(): Promise<Shop> {
  const root = mkdtempSync(join(tmpdir(), 'pawment-flood-'));
  const datadir = join(root, 'shop');
  mkdirSync(datadir);
  const regtest = createRegtest({ coin });
  regtest.mine(1_360);
  const node = await serveRegtest(regtest);
  const words = ['merchant', '--price', 'tea=0.1', '--depth', '1', '--listen', '127.0.0.1:0', '--rpc-url', node.url, '--datadir', datadir];
  const env = { ...process.env, PAWMENT_PASSPHRASE: 'much secret' };
  const shop = spawn(process.execPath, ['bin/pawment.js', ...words, '--json'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  // Whatever ends this process ends the merchant with it.
  process.once('exit', () => shop.kill('SIGKILL'));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1));
  const gone = once(shop, 'exit').then(() => assert.fail('the merchant has stopped'));
  const [line]: unknown[] = await Promise.race([once(createInterface(shop.stdout), 'line'), gone]);
  gone.catch(() => undefined);
  const url = String(JSON.parse(String(line)).url);
  const size = (name: string): number => statSync(join(datadir, name), { throwIfNoEntry: false })?.size ?? 0;
  return {
    url,
    port: Number(new URL(url).port),
    memory: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${shop.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
    disk: () => size('merchant.sqlite') + size('merchant.sqlite-wal'),
    processor: () => processorOf(shop),
    regtest,
    stop: async () => {
      shop.kill('SIGTERM');
      if (shop.exitCode === null) await once(shop, 'exit');
      const counts = await countIn(join(datadir, 'merchant.sqlite'));
      await node.close();
      rmSync(root, { recursive: true });
      return counts;
    },
  };
}

/** Linux counts in hundredths of a second. */
function processorOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function countIn(path: string): Promise<Readonly<Record<string, number>>> {
  const store = openSqlite(path);
  const counts: Record<string, number> = {};
  for (const kind of ['payee-channel', 'invoice']) for await (const _ of store.list(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  await store.close();
  return counts;
}

/** A payer with an open channel. */
export interface Customer {
  readonly channel: ChannelId;
  /** Asks for an invoice and pays it. @returns the milliseconds that the payment took. */
  readonly buy: () => Promise<number>;
  /** The payments that were made. */
  readonly payments: readonly Pay[];
}

export async function openCustomer({ url, regtest }: Shop): Promise<Customer> {
  const chain = asChain(regtest);
  const store = memoryStore();
  const keys = seedKeyRing(coin, random.bytes(32), fastestSigner());
  const wallet = await openWallet({ chain, store, keys });
  const { verify } = await fastestVerifier();
  const agent: Agent = openAgent({ chain, store, keys, wallet, verify, clock: { now: Date.now }, form: 'compact' });
  const http = httpConnection(url);
  const payments: Pay[] = [];
  let took = 0;
  const payee: typeof http = {
    exchange: async (request, psbt) => {
      if (request.kind === 'payment') payments.push(request);
      const start = performance.now();
      const reply = await http.exchange(request, psbt);
      took = performance.now() - start;
      return reply;
    },
  };
  regtest.fund(await wallet.receiveAddress(), amount(200_000n * DOGE));
  const mine = async (): Promise<void> => {
    regtest.mine(1);
    await wallet.sync();
    await agent.poll();
  };
  await mine();
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') return assert.fail(offer.kind);
  const { channel } = must(await agent.plan(offer, offer.minExpiry, scriptOf(coin, regtest.newAddress()) ?? assert.fail()));
  must(await agent.fund(channel, amount(100_000n * DOGE), payee));
  await mine();
  // The merchant reads the chain every second: until then the deposit is not deep enough for it.
  while (must(await agent.announce(channel, payee)).reply.kind !== 'accepted') await mine();
  const buy = async (): Promise<number> => {
    const invoice = must(await agent.invoice(channel, 'tea', payee));
    assert.equal(must(await agent.pay(channel, { ...invoice, most: invoice.amount }, payee)).reply.kind, 'receipt');
    return took;
  };
  return { channel, buy, payments };
}
