import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { linePair } from '../../test/world/line-pair.ts';
import { type ManualTimers, manualTimers } from '../../test/world/manual-timers.ts';
import { assertRefused, keyNumber, must } from '../../test/world/sample.ts';
import { asChain } from '../chain/regtest/port.ts';
import { Regtest } from '../chain/regtest/regtest.ts';
import { amount } from '../core/base/amount.ts';
import { type ChannelId, equalBytes, txId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { cltvTime } from '../core/contract/cltv.ts';
import { capacityOf } from '../core/contract/contract.ts';
import { presignedRefund } from '../core/contract/presigned-refund.ts';
import { decodeBitcoinj } from '../core/message/bitcoinj/decode.ts';
import { encodeBitcoinj } from '../core/message/bitcoinj/encode.ts';
import type { BitcoinjMessage, Initiate, Update } from '../core/message/bitcoinj/message.ts';
import { paymentOf, updateOf } from '../core/message/bitcoinj/payment.ts';
import { scriptOf } from '../core/tx/address.ts';
import { p2pkh } from '../core/tx/script.ts';
import { encodeSignature } from '../core/tx/sign.ts';
import { decodeTransaction, encodeTransaction, type Transaction, transactionId } from '../core/tx/transaction.ts';
import { type Line, WorldError } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import { type MemoryDisk, memoryStore } from '../store/memory.ts';
import { seedKeyRing } from '../wallet/keyring.ts';
import { openWallet, type Wallet } from '../wallet/wallet.ts';
import { type Agent, openAgent } from './agent.ts';
import { type BitcoinjChannel, type BitcoinjOrder, openBitcoinj } from './bitcoinj.ts';

const START = 1_700_000_000;
const WINDOW = 14_400;
const DOGE = 100_000_000n;
const CAPACITY = amount(10n * DOGE);
const ONE = amount(1n);
/** What the smallest settlement costs. */
const FIRST = 1_351_000n;
const payee = keyNumber(77);
const keys = seedKeyRing(coin, new Uint8Array(32).fill(9));
const { verify } = await fastestVerifier();

/** A server that says what a test tells it to, good or bad. */
class Server {
  readonly #line: Line;
  readonly #frames: AsyncIterator<Uint8Array>;

  constructor(line: Line) {
    this.#line = line;
    this.#frames = line.frames[Symbol.asyncIterator]();
  }

  async hear(): Promise<BitcoinjMessage | undefined> {
    const { value, done } = await this.#frames.next();
    if (done === true) return undefined;
    const message = decodeBitcoinj(value);
    return isRefusal(message) ? assert.fail(message.message) : message;
  }

  async hears<Kind extends BitcoinjMessage['kind']>(kind: Kind): Promise<Extract<BitcoinjMessage, { kind: Kind }>> {
    const message = await this.hear();
    assert.equal(message?.kind, kind);
    return message as Extract<BitcoinjMessage, { kind: Kind }>;
  }

  say(message: BitcoinjMessage): Promise<void> {
    return this.#line.send(encodeBitcoinj(message));
  }

  hangUp(): Promise<void> {
    return this.#line.close();
  }

  sayBytes(bytes: Uint8Array): Promise<void> {
    return this.#line.send(bytes);
  }

  /** Up to its proposal. */
  async propose(alter: Partial<Initiate> = {}, major = 2): Promise<void> {
    await this.hears('client-version');
    await this.say({ kind: 'server-version', major, minor: 0 });
    const usual = { minCapacity: amount(100_000n), minPayment: amount(1_000n), expiry: START + WINDOW };
    await this.say({ kind: 'initiate', payeeKey: payee.publicKey, ...usual, ...alter });
  }

  /** Up to an open channel; its contract. */
  async open(): Promise<Transaction> {
    await this.propose();
    const { contract } = await this.hears('provide-contract');
    await this.say({ kind: 'channel-open' });
    return decodeTransaction(contract) ?? assert.fail('the contract is no transaction');
  }

  /** Up to a channel that goes on. */
  async resume(): Promise<void> {
    assert.ok((await this.hears('client-version')).previous !== undefined);
    await this.say({ kind: 'server-version', major: 2, minor: 0 });
    await this.say({ kind: 'channel-open' });
  }

  async acknowledge(info?: Uint8Array): Promise<Update> {
    const update = await this.hears('update-payment');
    await this.say({ kind: 'payment-ack', ...(info && { info }) });
    return update;
  }
}

/** A payer with money, on a chain whose clock stands still. */
class World {
  readonly regtest: Regtest;
  readonly wallet: Wallet;
  readonly agent: Agent;
  readonly timers: ManualTimers = manualTimers();
  readonly #known: ChannelId[] = [];
  #seconds = START;

  readonly #disk: MemoryDisk;

  private constructor(regtest: Regtest, disk: MemoryDisk, wallet: Wallet, agent: Agent) {
    this.#disk = disk;
    this.regtest = regtest;
    this.wallet = wallet;
    this.agent = agent;
  }

  static async open(): Promise<World> {
    const regtest = new Regtest({ coin, verify });
    regtest.setTime(START);
    regtest.mine(1_360);
    const world = await World.#over(regtest, new Map());
    // Several coins: a channel takes none that is unconfirmed.
    for (let i = 0; i < 5; i++) regtest.fund(await world.wallet.receiveAddress(), amount(20n * DOGE));
    await world.mine(1);
    return world;
  }

  static async #over(regtest: Regtest, disk: MemoryDisk): Promise<World> {
    const [chain, store] = [asChain(regtest), memoryStore(disk)];
    const wallet = await openWallet({ chain, store, keys });
    const clock = { now: () => world.#seconds * 1000 };
    const agent = openAgent({ chain, store, keys, wallet, verify, clock });
    const world: World = new World(regtest, disk, wallet, agent);
    return world;
  }

  /** A copy of all that is stored, as of now. */
  copy(): MemoryDisk {
    return structuredClone(this.#disk);
  }

  /** The payer as a copy knows it. */
  async restored(copy: MemoryDisk): Promise<World> {
    const world = await World.#over(this.regtest, copy);
    world.#known.push(...this.#known);
    await world.mine(1);
    return world;
  }

  async mine(blocks: number): Promise<void> {
    this.regtest.mine(blocks);
    await this.wallet.sync();
    await this.agent.poll();
  }

  /** Until the median time of blocks has passed. */
  async pass(seconds: number): Promise<void> {
    this.#seconds = seconds + 1;
    this.regtest.setTime(this.#seconds);
    while (this.regtest.chain.tip.medianTime <= seconds) await this.mine(1);
  }

  /** Connects, while the server does its part. */
  async connect(serve: (server: Server) => Promise<unknown>, alter: Partial<BitcoinjOrder> = {}): Promise<BitcoinjChannel | Refusal> {
    // As a line over TCP has it.
    const { near, far } = linePair({ timers: this.timers, idle: 30_000 });
    const order = { contracts: [cltvTime], capacity: CAPACITY, window: WINDOW, ...alter } as const;
    const opening = openBitcoinj(near, order, {
      ...{ agent: this.agent, chain: asChain(this.regtest), wallet: this.wallet, keys, clock: { now: () => this.#seconds * 1000 } },
      known: async () => this.states(),
      remember: async (channel) => void this.#known.push(channel),
    });
    const [result] = await Promise.all([opening, serve(new Server(far))]);
    return result;
  }

  async states(): Promise<readonly PayerState[]> {
    const states = await Promise.all(this.#known.map((channel) => this.agent.engine.get(channel)));
    return states.filter((state) => state !== undefined);
  }

  async single(): Promise<PayerState> {
    const [state, ...others] = await this.states();
    assert.equal(others.length, 0);
    return state ?? assert.fail('there is no channel');
  }

  /** What the wallet can spend once a block has come. */
  async money(): Promise<bigint> {
    await this.mine(1);
    return (await this.wallet.balance()).confirmed;
  }
}

/** The settlement of a channel, as its server makes it: out of the last update that it has. */
function settlementOf(
  state: PayerState,
  update: Update,
  payTo: Uint8Array = p2pkh(payee.publicKey),
  feeRate: bigint = coin.policy.feeRate,
): Transaction {
  const { terms, deposits } = state;
  const payment = must(paymentOf(update, capacityOf(deposits)));
  return must(terms.contract.close([{ terms, deposits, payment, signer: payee }], { script: payTo, feeRate: amount(feeRate) }));
}

const settles = (settlement: Transaction): BitcoinjMessage => ({ kind: 'close', settlement: encodeTransaction(settlement) });

/** An open channel, and the server's end of its connection. */
async function openIn(
  world: World,
  alter: Partial<BitcoinjOrder> = {},
): Promise<{ readonly channel: BitcoinjChannel; readonly server: Server }> {
  const servers: Server[] = [];
  const channel = must(await world.connect((server) => server.open().then(() => servers.push(server)), alter));
  const [server = assert.fail()] = servers;
  return { channel, server };
}

/** Pays, and the server acknowledges; returns what it holds then. */
async function pay(channel: BitcoinjChannel, server: Server, value: bigint, info?: Uint8Array): Promise<Update> {
  const [ack, update] = await Promise.all([channel.pay(amount(value), info), server.acknowledge(info)]);
  const { paid, info: back, state } = must(ack);
  assert.deepEqual([paid, back, update.info], [value, info, info]);
  assert.equal(update.change, CAPACITY - (state.best?.total ?? 0n));
  return update;
}

const isGone = (error: unknown): boolean => error instanceof WorldError && error.code === 'peer-unreachable';

describe('a payer and a bitcoinj server', () => {
  test('opens, pays with info, has it settled, and gets the rest back', async () => {
    const world = await World.open();
    const { channel, server } = await openIn(world);
    assert.equal(channel.isResumed, false);
    await pay(channel, server, DOGE);
    const update = await pay(channel, server, DOGE, Uint8Array.of(1, 2));
    const before = await world.single();
    const settlement = settlementOf(before, update);
    const serve = async (): Promise<void> => {
      await server.hears('close');
      await server.say(settles(settlement));
      await server.hangUp();
    };
    const [settled] = await Promise.all([channel.settle(), serve()]);
    assert.deepEqual(settled, settlement);
    assert.ok(world.regtest.mempool().includes(transactionId(settlement)), 'the payer broadcasts it too');
    await world.mine(61);
    const ended = await world.single();
    assert.deepEqual([ended.kind, ended.kind === 'ended' && ended.returned], ['ended', CAPACITY - (before.best?.total ?? 0n)]);
    assertRefused(await channel.pay(amount(DOGE)), 'channel-ended');
  });

  test('the first payment is what the server asks for, or what its own settlement costs where that is more', async () => {
    for (const [minPayment, first] of [
      [1_000n, FIRST],
      [3n * DOGE, 3n * DOGE],
    ] as const) {
      const world = await World.open();
      const heard: bigint[] = [];
      const serve = async (server: Server): Promise<void> => {
        await server.propose({ minPayment: amount(minPayment) });
        const { initial } = await server.hears('provide-contract');
        heard.push(CAPACITY - initial.change);
        await server.say({ kind: 'channel-open' });
      };
      must(await world.connect(serve, { minPayment: amount(5n * DOGE) }));
      assert.deepEqual(heard, [first]);
    }
  });

  test('shouldSendClientVersionOnChannelOpen, shouldSendTimeWindowInClientVersion: of the version that is asked for', async () => {
    for (const [contracts, major] of [
      [[cltvTime], 2],
      [[cltvTime, presignedRefund], 2],
      [[presignedRefund], 1],
    ] as const) {
      const world = await World.open();
      const serve = async (server: Server): Promise<void> => {
        assert.deepEqual(await server.hear(), { kind: 'client-version', major, minor: 0, window: 20_000 });
        await server.hangUp();
      };
      await assert.rejects(world.connect(serve, { contracts, window: 20_000 }), isGone);
    }
  });

  test('a server that speaks the first version only gets a channel of that, where it is allowed', async () => {
    const world = await World.open();
    const serve = async (server: Server): Promise<void> => {
      await server.propose({}, 1);
      await server.hears('provide-refund');
      await server.hangUp();
    };
    const before = await world.money();
    await assert.rejects(world.connect(serve, { contracts: [cltvTime, presignedRefund] }), isGone);
    assert.equal(await world.money(), before);
    const refused = async (server: Server): Promise<void> => {
      await server.hears('client-version');
      await server.say({ kind: 'server-version', major: 1, minor: 0 });
      assert.equal((await server.hears('error')).code, 'NO_ACCEPTABLE_VERSION');
    };
    await assert.rejects(world.connect(refused, { contracts: [cltvTime] }), { code: 'peer-nonsense', hint: /--protocol 1/ });
  });

  test('checkBadData: without a good signature of the refund nothing is launched', async () => {
    const world = await World.open();
    const before = await world.money();
    const signature = encodeSignature(payee.sign(new Uint8Array(32).fill(1)), 0x82);
    const bad: readonly Uint8Array[] = [
      signature,
      new Uint8Array(),
      signature.subarray(1),
      Uint8Array.of(...signature.subarray(0, -1), 0x01),
    ];
    for (const given of bad) {
      const serve = async (server: Server): Promise<void> => {
        await server.propose({}, 1);
        await server.hears('provide-refund');
        await server.say({ kind: 'return-refund', signature: given });
        assert.equal(await server.hear(), undefined);
      };
      assertRefused(await world.connect(serve, { contracts: [presignedRefund] }), 'refund-unsigned');
      assert.equal(await world.money(), before);
    }
  });

  test('testEmptyWallet: without money there is no channel, and the server is let go', async () => {
    const world = await World.open();
    const serve = async (server: Server): Promise<void> => {
      await server.propose();
      assert.equal(await server.hear(), undefined);
    };
    await assert.rejects(world.connect(serve, { capacity: amount(1_000n * DOGE) }), { code: 'wallet-short' });
  });

  test('testClientRefusesNonCanonicalKey: a key that is no point, or not compressed', async () => {
    const initiate = encodeBitcoinj({
      kind: 'initiate',
      payeeKey: payee.publicKey,
      minCapacity: ONE,
      minPayment: ONE,
      expiry: START + WINDOW,
    });
    const at = initiate.findIndex((_, i) => equalBytes(initiate.subarray(i, i + 33), payee.publicKey));
    for (const first of [0x00, 0x04, 0x05]) {
      const world = await World.open();
      const serve = async (server: Server): Promise<void> => {
        await server.hears('client-version');
        await server.say({ kind: 'server-version', major: 2, minor: 0 });
        await server.sayBytes(initiate.map((byte, i) => (i === at ? first : byte)));
        assert.equal((await server.hears('error')).code, 'BAD_TRANSACTION');
      };
      await assert.rejects(world.connect(serve), { code: 'peer-nonsense' });
    }
  });

  test('testClientErrorHandlingIncreasePaymentError: an error, or the end of the line, in answer to a payment is told at once', async () => {
    const ends: readonly ((server: Server) => Promise<void>)[] = [
      (server) => server.say({ kind: 'error', code: 'BAD_TRANSACTION', explanation: 'no' }),
      (server) => server.say({ kind: 'close' }),
      (server) => server.hangUp(),
    ];
    for (const end of ends) {
      const world = await World.open();
      const { channel, server } = await openIn(world);
      await Promise.all([assert.rejects(channel.pay(amount(DOGE)), isGone), server.hears('update-payment').then(() => end(server))]);
      await assert.rejects(channel.pay(amount(DOGE)), isGone);
    }
  });

  test('repeatedChannels: one after the other, each settled, and none mistaken for another', async () => {
    const world = await World.open();
    for (let i = 1; i <= 3; i++) {
      const { channel, server } = await openIn(world);
      assert.equal(channel.isResumed, false);
      const update = await pay(channel, server, BigInt(i) * DOGE);
      const state = (await world.states()).at(-1) ?? assert.fail();
      const settlement = settlementOf(state, update);
      await Promise.all([channel.settle(), server.hears('close').then(() => server.say(settles(settlement)))]);
    }
    await world.mine(61);
    const totals = (await world.states()).map((state) => (state.kind === 'ended' && state.how === 'closed' ? state.signed : undefined));
    assert.deepEqual(
      totals,
      [1n, 2n, 3n].map((times) => FIRST + times * DOGE),
    );
  });

  test('testClientTimeWindowUnacceptable and others: a proposal that is not acceptable is refused by its code, and no coin has moved', async () => {
    const wrong: readonly [alter: Partial<Initiate>, said: string | undefined, expected: bigint | undefined][] = [
      [{ expiry: START + WINDOW + 61 }, 'TIME_WINDOW_UNACCEPTABLE', undefined],
      [{ expiry: 499_999_999 }, 'TIME_WINDOW_UNACCEPTABLE', undefined],
      [{ minCapacity: amount(CAPACITY + 1n) }, 'CHANNEL_VALUE_TOO_LARGE', CAPACITY + 1n],
      [{ minPayment: amount(1_001n) }, 'MIN_PAYMENT_TOO_LARGE', 1_000n],
      // bitcoinj itself has no lower bound; a channel that is due at once is no channel.
      [{ expiry: START + 7_200 }, undefined, undefined],
    ];
    for (const [alter, code, expected] of wrong) {
      const world = await World.open();
      const before = await world.money();
      const serve = async (server: Server): Promise<void> => {
        await server.propose(alter);
        const last = await server.hear();
        assert.deepEqual(last?.kind === 'error' ? [last.code, last.expected] : [undefined, undefined], [code, expected]);
      };
      const answer = await world.connect(serve).catch((error: unknown) => error);
      assert.ok(isRefusal(answer) || answer instanceof WorldError, String(answer));
      assert.equal(await world.money(), before, code);
    }
    const control = await World.open();
    must(await control.connect((server) => server.open()));
  });

  test('testClientUnknownVersion: another version than was asked for is not taken', async () => {
    for (const major of [1, 3]) {
      const world = await World.open();
      const serve = async (server: Server): Promise<void> => {
        await server.hears('client-version');
        await server.say({ kind: 'server-version', major, minor: 0 });
        assert.equal((await server.hears('error')).code, 'NO_ACCEPTABLE_VERSION');
      };
      await assert.rejects(world.connect(serve), { code: 'peer-nonsense' });
    }
  });

  test('testClientRandomMessage: what has no place in the conversation ends it', async () => {
    const misplaced: readonly BitcoinjMessage[] = [
      { kind: 'channel-open' },
      { kind: 'payment-ack' },
      { kind: 'return-refund', signature: new Uint8Array(71) },
      { kind: 'client-version', major: 2, minor: 0 },
    ];
    for (const message of misplaced) {
      const world = await World.open();
      const before = await world.money();
      const serve = async (server: Server): Promise<void> => {
        await server.hears('client-version');
        await server.say(message);
        assert.equal((await server.hears('error')).code, 'SYNTAX_ERROR');
      };
      await assert.rejects(world.connect(serve), { code: 'peer-nonsense' });
      assert.equal(await world.money(), before);
    }
  });

  test('a server that goes before the contract has cost nothing; one that goes with it costs the wait until the expiry', async () => {
    const early: readonly ((server: Server) => Promise<void>)[] = [
      async (server) => server.hangUp(),
      async (server) => {
        await server.hears('client-version');
        await server.hangUp();
      },
      async (server) => {
        await server.hears('client-version');
        await server.say({ kind: 'error', code: 'OTHER', explanation: 'not today' });
      },
      async (server) => {
        await server.hears('client-version');
        await server.say({ kind: 'close' });
      },
    ];
    for (const serve of early) {
      const world = await World.open();
      const before = await world.money();
      await assert.rejects(world.connect(serve), isGone);
      assert.equal(await world.money(), before);
    }
    const world = await World.open();
    const before = await world.money();
    const withContract = async (server: Server): Promise<void> => {
      await server.propose();
      await server.hears('provide-contract');
      await server.hangUp();
    };
    await assert.rejects(world.connect(withContract), isGone);
    await world.pass(START + WINDOW);
    await world.mine(61);
    const ended = await world.single();
    assert.deepEqual([ended.kind, ended.kind === 'ended' && ended.how], ['ended', 'refunded']);
    assert.ok(before - (await world.money()) < DOGE / 10n, 'all but the fees is back');
  });

  test('testChannelResume: a payment that got no answer is sent again by the next connection, and paid once', async () => {
    const world = await World.open();
    const { channel, server } = await openIn(world);
    await pay(channel, server, DOGE);
    const lost = server.hears('update-payment').then(() => server.hangUp());
    await assert.rejects(channel.pay(amount(DOGE)), isGone);
    await lost;
    const total = (await world.single()).signed;
    const servers: Server[] = [];
    const again = must(await world.connect((next) => next.resume().then(() => servers.push(next))));
    assert.equal(again.isResumed, true);
    const [next = assert.fail()] = servers;
    const [ack, update] = await Promise.all([again.pay(amount(DOGE)), next.acknowledge()]);
    assert.deepEqual([must(ack).paid, CAPACITY - update.change], [DOGE, total]);
    await pay(again, next, DOGE);
    assert.equal((await world.single()).signed, total + DOGE);
  });

  test('what goes along belongs to its payment: sent again with it, and never with another', async () => {
    const world = await World.open();
    const [tea, coffee] = [Uint8Array.of(1), Uint8Array.of(2)];
    const { channel, server } = await openIn(world);
    await pay(channel, server, DOGE);
    // The server has it, or has it not: the payer can't know.
    const lost = server.hears('update-payment').then(() => server.hangUp());
    await assert.rejects(channel.pay(amount(DOGE), tea), isGone);
    await lost;
    const before = (await world.single()).best?.total ?? 0n;
    const servers: Server[] = [];
    const again = must(await world.connect((next) => next.resume().then(() => servers.push(next))));
    const [next = assert.fail()] = servers;
    const serve = async (): Promise<readonly Update[]> => [await next.acknowledge(tea), await next.acknowledge(coffee)];
    const [ack, updates] = await Promise.all([again.pay(amount(DOGE), coffee), serve()]);
    const { paid, resent, info, state } = must(ack);
    assert.deepEqual(
      updates.map((update) => update.info),
      [tea, coffee],
    );
    assert.deepEqual([paid, resent, info], [DOGE, DOGE, coffee]);
    assert.equal(state.best?.total, before + 2n * DOGE);
    await pay(again, next, DOGE, tea);
  });

  test('what is too long to go along is refused before anything is signed', async () => {
    const world = await World.open();
    const { channel, server } = await openIn(world);
    const { signed } = await world.single();
    assertRefused(await channel.pay(amount(DOGE), new Uint8Array(32_767)), 'message-too-large');
    assert.equal((await world.single()).signed, signed);
    await pay(channel, server, DOGE, new Uint8Array(32_000));
  });

  test('a contract that fits no message is refused before any coin moves', async () => {
    const world = await World.open();
    const spare = scriptOf(coin, await world.wallet.receiveAddress()) ?? assert.fail('a wallet has addresses');
    for (let i = 0; i < 260; i++) {
      world.regtest.fund(spare, amount(DOGE / 10n));
      if (i % 20 === 19) world.regtest.mine(1);
    }
    await world.mine(1);
    const before = await world.money();
    for (const contract of [cltvTime, presignedRefund]) {
      const major = contract === cltvTime ? 2 : 1;
      const serve = async (server: Server): Promise<void> => {
        await server.propose({}, major);
        assert.equal(await server.hear(), undefined);
      };
      assertRefused(await world.connect(serve, { contracts: [contract], capacity: amount(124n * DOGE) }), 'message-too-large');
    }
    assert.deepEqual(world.regtest.mempool(), []);
    assert.equal(await world.money(), before);
  });

  test('a server that has proposed a channel may take its time, for blocks to come or for the next payment', async () => {
    const world = await World.open();
    const serve = async (server: Server): Promise<Server> => {
      await server.propose();
      await server.hears('provide-contract');
      world.timers.advance(3_000_000);
      await server.say({ kind: 'channel-open' });
      return server;
    };
    const servers: Server[] = [];
    const channel = must(await world.connect(async (server) => void servers.push(await serve(server))));
    const [server = assert.fail()] = servers;
    world.timers.advance(3_000_000);
    await pay(channel, server, DOGE);
  });

  test('a payer that was set back is shown by a pawment server what it has signed, and goes on from there; a lie is not believed', async () => {
    const world = await World.open();
    const { channel, server } = await openIn(world);
    await pay(channel, server, DOGE);
    const copy = world.copy();
    const best = await pay(channel, server, 3n * DOGE);
    await channel.hangUp();
    const forged: Update = { ...best, change: amount(best.change - DOGE) };
    for (const [shown, isTaken] of [
      [forged, false],
      [best, true],
    ] as const) {
      const old = await world.restored(structuredClone(copy));
      const servers: Server[] = [];
      const again = must(await old.connect((it) => it.resume().then(() => servers.push(it))));
      const [it = assert.fail()] = servers;
      const refuses = it.hears('update-payment').then(() => it.say({ kind: 'error', code: 'BAD_TRANSACTION', best: shown }));
      const answer = await Promise.all([again.pay(amount(DOGE)).catch(isGone), refuses]);
      assert.ok(isTaken ? answer[0] === true : isRefusal(answer[0]));
      const state = await old.single();
      assert.equal(state.best?.total, isTaken ? CAPACITY - best.change : FIRST + DOGE);
    }
  });

  test('testBadResumeHash: a server that has forgotten the channel makes a new one; the old one is refunded', async () => {
    const world = await World.open();
    const { channel } = await openIn(world);
    await channel.hangUp();
    const { channel: second } = await openIn(world);
    assert.deepEqual([second.isResumed, second.channel === channel.channel], [false, false]);
    await second.hangUp();
    await world.pass(START + WINDOW);
    await world.mine(61);
    assert.deepEqual(
      (await world.states()).map((state) => state.kind === 'ended' && state.how),
      ['refunded', 'refunded'],
    );
  });

  test('testDontResumeEmptyChannels, and none that is settled, or due', async () => {
    const world = await World.open();
    const fresh = async (): Promise<boolean> => {
      const { channel } = await openIn(world);
      await channel.hangUp();
      return !channel.isResumed;
    };
    const { channel, server } = await openIn(world);
    const rest = CAPACITY - (await world.single()).signed;
    await pay(channel, server, rest);
    await channel.hangUp();
    assert.ok(await fresh(), 'empty');
    const states = await world.states();
    const open = states.at(-1) ?? assert.fail();
    const update = updateOf(open.best ?? assert.fail(), CAPACITY);
    assert.equal(world.regtest.broadcast(settlementOf(open, update)).kind, 'accepted');
    assert.ok(await fresh(), 'settled, though nobody said so');
    await world.pass(START + WINDOW - 7_200);
    const late = await world.connect((it) =>
      it
        .propose({ expiry: START + 2 * WINDOW - 7_200 })
        .then(() => it.hears('provide-contract'))
        .then(() => it.say({ kind: 'channel-open' })),
    );
    assert.equal(must(late).isResumed, false, 'due');
  });

  test('dust that would be left is paid along', async () => {
    const world = await World.open();
    const { channel, server } = await openIn(world);
    const rest = CAPACITY - (await world.single()).signed;
    const [ack, { change }] = await Promise.all([channel.pay(amount(rest - 1_000n)), server.acknowledge()]);
    assert.deepEqual([must(ack).paid, change], [rest, 0n]);
  });

  test('a settlement that returns less than is due, or is not signed by both, or not taken by the node, is not one', async () => {
    const world = await World.open();
    const { channel, server } = await openIn(world);
    await pay(channel, server, DOGE);
    const update = await pay(channel, server, DOGE);
    const honest = settlementOf(await world.single(), update);
    const [back, ...others] = honest.outputs;
    const lies: readonly Transaction[] = [
      { ...honest, outputs: others },
      { ...honest, outputs: [{ ...(back ?? assert.fail()), value: 1n }, ...others] },
      { ...honest, inputs: honest.inputs.map((input) => ({ ...input, outpoint: { ...input.outpoint, vout: 7 } })) },
      { ...honest, inputs: honest.inputs.map((input) => ({ ...input, script: input.script.with(12, (input.script[12] ?? 0) ^ 1) })) },
      // The payer's signature leaves both open, and the payee's holds for neither.
      { ...honest, outputs: [...honest.outputs, { value: 0n, script: new Uint8Array() }] },
      {
        ...honest,
        inputs: [...honest.inputs, { ...(honest.inputs[0] ?? assert.fail()), outpoint: { txid: txId('ee'.repeat(32)), vout: 0 } }],
      },
      // Signed by both, and less than nodes pass on.
      settlementOf(await world.single(), update, p2pkh(payee.publicKey), 1n),
    ];
    await channel.hangUp();
    const before = world.regtest.mempool();
    for (const lie of lies) {
      const servers: Server[] = [];
      const again = must(await world.connect((it) => it.resume().then(() => servers.push(it))));
      const [it = assert.fail()] = servers;
      await Promise.all([
        again.settle().then((settled) => assert.equal(settled, undefined)),
        it.hears('close').then(() => it.say(settles(lie))),
      ]);
    }
    assert.deepEqual(world.regtest.mempool(), before, 'nothing of it was broadcast');
    assert.equal((await world.single()).kind, 'open');
  });

  test('a server that settles unasked tells so, and one that says nothing is seen in the chain', async () => {
    const world = await World.open();
    const { channel, server } = await openIn(world);
    const update = await pay(channel, server, DOGE);
    const settlement = settlementOf(await world.single(), update);
    await server.say(settles(settlement));
    assert.deepEqual(await channel.over, settlement);
    const silent = await openIn(world);
    const second = await pay(silent.channel, silent.server, DOGE);
    const open = (await world.states()).at(-1) ?? assert.fail();
    const hush = silent.server.hears('close').then(() => silent.server.hangUp());
    assert.equal(await silent.channel.settle(), undefined);
    await hush;
    assert.equal(world.regtest.broadcast(settlementOf(open, second)).kind, 'accepted');
    await world.mine(61);
    assert.deepEqual(
      (await world.states()).map((state) => state.kind === 'ended' && state.how),
      ['closed', 'closed'],
    );
  });
});
