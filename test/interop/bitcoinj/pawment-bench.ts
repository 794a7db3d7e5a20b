import assert from 'node:assert/strict';
import { join } from 'node:path';
import { must } from '../../../bench/fixture.ts';
import { asChain } from '../../../src/chain/regtest/port.ts';
import { amount, ZERO } from '../../../src/core/base/amount.ts';
import { type ChannelId, equalBytes } from '../../../src/core/base/bytes.ts';
import { payee } from '../../../src/core/channel/payee.ts';
import type { Env } from '../../../src/core/channel/state-machine.ts';
import { cltvTime } from '../../../src/core/contract/cltv.ts';
import { capacityOf } from '../../../src/core/contract/contract.ts';
import { encodeBitcoinj } from '../../../src/core/message/bitcoinj/encode.ts';
import type { UpdatePayment } from '../../../src/core/message/bitcoinj/message.ts';
import { paymentOf } from '../../../src/core/message/bitcoinj/payment.ts';
import { payeeRole } from '../../../src/engine/channel-role.ts';
import type { Store } from '../../../src/engine/ports.ts';
import { fastestSigner } from '../../../src/engine/signer.ts';
import { fastestVerifier, type Verifier } from '../../../src/engine/verifier.ts';
import { openAgent } from '../../../src/payer/agent.ts';
import { type BitcoinjChannel, openBitcoinj } from '../../../src/payer/bitcoinj.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import { serveBitcoinj } from '../../../src/transport/bitcoinj/server.ts';
import { Attachments } from '../../../src/transport/bitcoinj/session-registry.ts';
import { encodeFrame } from '../../../src/transport/frame.ts';
import { connectTcp } from '../../../src/transport/tcp/connect.ts';
import { serveTcp, type TcpServer } from '../../../src/transport/tcp/serve.ts';
import { seedKeyRing } from '../../../src/wallet/keyring.ts';
import { openWallet } from '../../../src/wallet/wallet.ts';
import { BitcoinjWorld } from '../../world/bitcoinj-world.ts';
import { linePair } from '../../world/line-pair.ts';
import type { BenchRow } from './bench.ts';
import { ACK, RawPayers } from './raw-payers.ts';

const DOGE = 100_000_000n;
const CAPACITY = 100n * DOGE;
/** Worth a close: a payment below that is acknowledged, but neither stored nor counted. */
const FIRST = 10n * DOGE;
/** Blocks after which a deposit counts for good. */
const DEEP = 2;
const PAYER_SEED = new Uint8Array(32).fill(6);

/** Where both sides keep their channels. */
export type StoreKind = 'memory' | 'sqlite';

/** A channel that was opened for a row, and payments of one unit each upon its first. */
interface Prepared {
  readonly channel: ChannelId;
  readonly hello: Uint8Array;
  readonly updates: readonly UpdatePayment[];
}

type RowAt<Level extends BenchRow['level']> = Extract<BenchRow, { level: Level }>;

/** Measures pawment as `BitcoinjBench` does bitcoinj: the same rows, new channels for each, in one warm process. */
export class PawmentBench implements AsyncDisposable {
  readonly #store: Store;
  readonly #payerStore: Store;
  readonly #world: BitcoinjWorld;
  readonly #verifier: Verifier;
  readonly #server: TcpServer;
  readonly #attachments: Attachments;
  readonly #raw: RawPayers = new RawPayers();

  private constructor(
    stores: readonly [Store, Store],
    world: BitcoinjWorld,
    verifier: Verifier,
    server: TcpServer,
    attachments: Attachments,
  ) {
    [this.#store, this.#payerStore] = stores;
    this.#world = world;
    this.#verifier = verifier;
    this.#server = server;
    this.#attachments = attachments;
  }

  /** @param folder for the files of SQLite. */
  static async start(kind: StoreKind, folder: string): Promise<PawmentBench> {
    const open = (name: string): Store => (kind === 'sqlite' ? openSqlite(join(folder, `${name}.sqlite`)) : memoryStore());
    const store = open('payee');
    const world = await BitcoinjWorld.open({ store: () => store });
    const attachments = new Attachments();
    const server = await serveTcp((line) => serveBitcoinj(line, world.payee, attachments), {
      onError: (error) => void world.faults.push(error),
    });
    return new PawmentBench([store, open('payer')], world, await fastestVerifier(), server, attachments);
  }

  get backend(): Verifier['backend'] {
    return this.#verifier.backend;
  }

  /** Payments per second of all connections together. Fails unless each payment was verified and stored. */
  async measure(row: BenchRow): Promise<number> {
    this.#world.told.length = 0;
    const seconds = await this.#seconds(row);
    assert.deepEqual(this.#world.faults, []);
    return (row.count * connectionsOf(row)) / seconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#raw[Symbol.asyncDispose]();
    await this.#server.close();
    await this.#store.close();
    await this.#payerStore.close();
  }

  #seconds(row: BenchRow): Promise<number> {
    switch (row.level) {
      case 'state':
        return this.#state(row);
      case 'message':
        return this.#message(row);
      case 'tcp':
        return this.#tcp(row);
      case 'raw':
        return this.#overSockets(row);
    }
  }

  /** The machine alone: change and signature as they came, verified; nothing is stored. */
  async #state({ warmUp, count }: RowAt<'state'>): Promise<number> {
    const { channel, updates } = await this.#prepared(warmUp + count);
    const env = this.#env();
    let state = await this.#world.state(channel);
    const take = (update: UpdatePayment): void => {
      const payment = must(paymentOf(update, capacityOf(state.deposits)));
      const step = must(payee(state, { kind: 'payment', pay: { kind: 'payment', channel, payment } }, env));
      const [effect] = step.effects;
      if (step.state === undefined || effect?.kind !== 'reply' || effect.message.kind !== 'receipt') assert.fail('no receipt');
      if (effect.message.total !== payment.total) assert.fail('another total');
      state = step.state;
    };
    for (const update of updates.slice(0, warmUp)) take(update);
    return timed(async () => {
      for (const update of updates.slice(warmUp)) take(update);
    });
  }

  /** A message's bytes into the session, an acknowledgement's bytes out of it. */
  async #message({ warmUp, count }: RowAt<'message'>): Promise<number> {
    const prepared = await this.#prepared(warmUp + count);
    const bodies = prepared.updates.map(encodeBitcoinj);
    const { near, far } = linePair({ timers: this.#world.timers });
    const served = serveBitcoinj(far, this.#world.payee, this.#attachments, { timers: this.#world.timers });
    const frames = near.frames[Symbol.asyncIterator]();
    await near.send(prepared.hello);
    await frames.next();
    await frames.next();
    const pay = async (all: readonly Uint8Array[]): Promise<void> => {
      for (const body of all) {
        await near.send(body);
        const { value } = await frames.next();
        if (value === undefined || !equalBytes(value, ACK)) assert.fail('no acknowledgement');
      }
    };
    const before = await this.#writes(prepared);
    await pay(bodies.slice(0, warmUp));
    const seconds = await timed(() => pay(bodies.slice(warmUp)));
    await this.#check(prepared);
    assert.equal((await this.#writes(prepared)) - before, warmUp + count);
    await near.close();
    await served;
    return seconds;
  }

  async #overSockets({ warmUp, count, connections, inFlight }: RowAt<'raw'>): Promise<number> {
    const all: Prepared[] = [];
    for (let i = 0; i < connections; i++) all.push(await this.#prepared(warmUp + count));
    const payers = all.map(({ hello, updates }) => {
      const frames = updates.map((update) => encodeFrame(encodeBitcoinj(update)));
      return { hello: encodeFrame(hello), warmUp: frames.slice(0, warmUp), payments: frames.slice(warmUp) };
    });
    const milliseconds = await this.#raw.pay({ port: this.#server.port, inFlight, payers });
    await this.#check(...all);
    return milliseconds / 1000;
  }

  /** pawment's own client, which signs, stores before it sends, and waits. */
  async #tcp({ warmUp, count }: RowAt<'tcp'>): Promise<number> {
    const channel = await this.#dial();
    const pay = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) assert.equal(must(await channel.pay(amount(1n))).paid, 1n);
    };
    must(await channel.pay(amount(FIRST)));
    await this.#world.mine(DEEP);
    await pay(warmUp);
    const before = (await this.#world.state(channel.channel)).best?.total ?? ZERO;
    const seconds = await timed(() => pay(count));
    assert.equal((await this.#world.state(channel.channel)).best?.total, before + BigInt(count));
    await channel.hangUp();
    return seconds;
  }

  async #dial(): Promise<BitcoinjChannel> {
    const { regtest, coin, seconds } = this.#world;
    const chain = asChain(regtest);
    const keys = seedKeyRing(coin, PAYER_SEED, fastestSigner());
    const clock = { now: () => seconds * 1000 };
    const wallet = await openWallet({ chain, store: this.#payerStore, keys });
    const agent = openAgent({ chain, store: this.#payerStore, keys, wallet, clock, verify: this.#verifier.verify });
    regtest.fund(await wallet.receiveAddress(), amount(CAPACITY + DOGE));
    await this.#world.mine(DEEP);
    await wallet.sync();
    await agent.poll();
    const line = await connectTcp('127.0.0.1', this.#server.port);
    const order = { contracts: [cltvTime], capacity: amount(CAPACITY) } as const;
    return must(
      await openBitcoinj(line, order, {
        ...{ agent, chain, wallet, keys, clock },
        known: async () => [],
        remember: async () => undefined,
      }),
    );
  }

  async #prepared(payments: number): Promise<Prepared> {
    const payer = this.#world.connect();
    const opened = await payer.open(CAPACITY, FIRST);
    await payer.hangUp();
    await payer.served;
    await this.#world.mine(DEEP);
    const channel = (await this.#world.payee.resumable(opened.txid, cltvTime)) ?? assert.fail('the channel is not there');
    const hello = encodeBitcoinj({ kind: 'client-version', major: 2, minor: 0, previous: opened.txid });
    const updates = Array.from({ length: payments }, (_, i) => payer.update(opened, FIRST + BigInt(i + 1)));
    this.#world.told.length = 0;
    return { channel, hello, updates };
  }

  #env(): Env {
    const { tip, medianTime } = this.#world.merchant.engine.follower.seen();
    return {
      ...{ tip: tip.height, medianTime, now: this.#world.seconds * 1000, feeRate: this.#world.coin.policy.feeRate },
      ...{ verify: this.#verifier.verify, keyOf: () => undefined },
      get signer() {
        return assert.fail('a payment needs no key of the payee');
      },
    };
  }

  /** The application was told of every payment, each upon the one before, and the last of each channel is stored. */
  async #check(...all: readonly Prepared[]): Promise<void> {
    const paid = this.#world.told.filter((event) => event.kind === 'paid');
    assert.equal(
      paid.length,
      all.reduce((sum, { updates }) => sum + updates.length, 0),
    );
    for (const { by } of paid) assert.equal(by, 1n);
    for (const { channel, updates } of all) {
      assert.equal((await this.#world.state(channel)).best?.total, FIRST + BigInt(updates.length));
    }
  }

  /** How often the channel was written. */
  async #writes({ channel }: Prepared): Promise<number> {
    return (await this.#store.get(payeeRole.recordKind, channel))?.version ?? 0;
  }
}

function connectionsOf(row: BenchRow): number {
  return row.level === 'raw' ? row.connections : 1;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
