import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../../../src/core/base/amount.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import type { PayerState } from '../../../src/core/channel/payer-state.ts';
import { type Contract, capacityOf } from '../../../src/core/contract/contract.ts';
import { bitcoinjContracts } from '../../../src/core/message/bitcoinj/version.ts';
import { transactionId } from '../../../src/core/tx/transaction.ts';
import type { BitcoinjChannel } from '../../../src/payer/bitcoinj.ts';
import { whyWithoutJava } from './build.ts';
import { PawmentBuyer } from './buyer.ts';
import type { BitcoinjPeer, Level } from './peer.ts';
import { World } from './world.ts';

const DOGE = 100_000_000n;
const VALUE = amount(5n * DOGE);
const WINDOW = 14_400;
const PREFIX = 0xa0;
const BURIED = 61;

/** A pawment payer and a bitcoinj server on one chain. */
class Pair implements AsyncDisposable {
  readonly world: World;
  readonly #contract: Contract;
  readonly #level: Level;
  buyer: PawmentBuyer;
  payee: BitcoinjPeer;
  port = 0;

  private constructor(world: World, contract: Contract, level: Level, buyer: PawmentBuyer, payee: BitcoinjPeer) {
    this.world = world;
    this.#contract = contract;
    this.#level = level;
    this.buyer = buyer;
    this.payee = payee;
  }

  static async start(contract: Contract, level: Level = 'protocol'): Promise<Pair> {
    const world = await World.start();
    const pair = new Pair(world, contract, level, await PawmentBuyer.start(world), await world.peer('payee'));
    await pair.listen();
    await pair.buyer.earn(amount(20n * DOGE));
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.payee.kill();
    await this.buyer[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }

  async listen(): Promise<void> {
    this.port = await this.payee.listen({ level: this.#level, prefix: PREFIX.toString(16) });
  }

  /** A new channel, or the old one again; the server says that it is open. */
  async connect(): Promise<BitcoinjChannel> {
    const [channel] = await Promise.all([this.buyer.open(this.port, this.#contract, VALUE, WINDOW), this.payee.next('channel-open')]);
    return channel;
  }

  /** A new channel whose contract is in the chain; what the server got with it. */
  async open(): Promise<{ readonly channel: BitcoinjChannel; readonly first: bigint }> {
    const channel = await this.connect();
    assert.equal(channel.isResumed, false);
    const { by, to } = await this.payee.next('payment');
    const state = await this.state();
    assert.deepEqual([by, to], [state.signed, state.signed]);
    const [deposit] = state.deposits;
    const { txid, refusal } = await this.payee.next('broadcast');
    assert.deepEqual([txid, refusal], [deposit?.outpoint.txid, undefined]);
    this.world.mine();
    assert.ok(this.world.isMined(txid));
    await this.buyer.sync();
    return { channel, first: to };
  }

  async state(): Promise<PayerState> {
    for await (const [, state] of this.buyer.agent.engine.all()) return state;
    return assert.fail('there is no channel');
  }

  /** Pays and is acknowledged; the server counts `to` in all. */
  async pay(channel: BitcoinjChannel, value: bigint, to: bigint, info: Uint8Array): Promise<void> {
    const ack = await channel.pay(amount(value), info);
    assert.ok(!isRefusal(ack), isRefusal(ack) ? ack.code : '');
    assert.deepEqual([ack.paid, ack.info], [value, Uint8Array.of(PREFIX, ...info)]);
    assert.deepEqual(await this.payee.next('payment'), { by: value, to, info: Buffer.from(info).toString('hex') });
  }

  /** The settlement that the server made of `total` is mined and buried, and the payer has its change. */
  async settled(total: bigint, txid: string): Promise<void> {
    const [change] = total < VALUE ? this.world.outputs(txid) : [0n];
    assert.equal(change, VALUE - total);
    this.world.mine();
    assert.ok(this.world.isMined(txid));
    for (let i = 0; i < BURIED; i++) this.world.mine();
    await this.buyer.sync();
    const state = await this.state();
    assert.deepEqual(state.kind === 'ended' && [state.how, state.returned], ['closed', change]);
  }

  /** What the server hands to the node next, which takes it. */
  async broadcast(): Promise<string> {
    const { txid, refusal } = await this.payee.next('broadcast');
    assert.equal(refusal, undefined);
    return txid;
  }
}

const INFO = Uint8Array.of(0xbe, 0xef);

async function increments(pair: Pair): Promise<void> {
  const { channel, first } = await pair.open();
  let total = first;
  for (let i = 0; i < 200; i++) {
    total += DOGE / 100n;
    await pair.pay(channel, DOGE / 100n, total, Uint8Array.of(i));
  }
  const settlement = await channel.settle();
  assert.ok(settlement !== undefined);
  assert.equal(await pair.broadcast(), transactionId(settlement));
  await pair.settled(total, transactionId(settlement));
}

async function resumed(pair: Pair): Promise<void> {
  const { channel, first } = await pair.open();
  await pair.pay(channel, DOGE, first + DOGE, INFO);
  await channel.hangUp();
  await pair.payee.next('closed');
  const again = await pair.connect();
  assert.deepEqual([again.isResumed, again.channel], [true, channel.channel]);
  await pair.pay(again, DOGE, first + 2n * DOGE, INFO);
}

async function restarted(pair: Pair): Promise<void> {
  const { channel, first } = await pair.open();
  await pair.pay(channel, DOGE, first + DOGE, INFO);
  await pair.buyer[Symbol.asyncDispose]();
  await channel.hangUp();
  await pair.payee.next('closed');
  pair.buyer = await PawmentBuyer.start(pair.world);
  const second = await pair.connect();
  assert.deepEqual([second.isResumed, second.channel], [true, channel.channel]);
  await pair.pay(second, DOGE, first + 2n * DOGE, INFO);
  await pair.payee.kill();
  await second.over;
  pair.payee = await pair.world.peer('payee');
  await pair.listen();
  const third = await pair.connect();
  assert.deepEqual([third.isResumed, third.channel], [true, channel.channel]);
  await pair.pay(third, DOGE, first + 3n * DOGE, INFO);
}

async function exhausted(pair: Pair): Promise<void> {
  const { channel, first } = await pair.open();
  const rest = VALUE - first;
  // What would be left is dust, and goes along.
  const [ack] = await Promise.all([channel.pay(amount(rest - 100n), INFO), pair.payee.next('payment')]);
  assert.equal(isRefusal(ack) ? ack.code : ack.paid, rest);
  const settlement = await channel.over;
  assert.ok(settlement !== undefined);
  await pair.broadcast();
  await pair.settled(VALUE, transactionId(settlement));
}

async function closedByServer(pair: Pair): Promise<void> {
  const { channel, first } = await pair.open();
  await pair.pay(channel, DOGE, first + DOGE, INFO);
  await pair.payee.hangUp();
  assert.equal(await channel.over, undefined);
  // Its server ends a connection that comes while the one before is not closed on its side.
  await pair.payee.next('closed');
  const again = await pair.connect();
  assert.equal(again.isResumed, true);
  const [deposit] = (await pair.state()).deposits;
  await pair.payee.settleChannel(deposit?.outpoint.txid ?? assert.fail());
  await pair.settled(first + DOGE, await pair.broadcast());
}

async function refunded(pair: Pair): Promise<void> {
  const { channel, first } = await pair.open();
  await pair.pay(channel, DOGE, first + DOGE, INFO);
  await pair.payee.kill();
  await channel.over;
  const { terms, deposits } = await pair.state();
  pair.world.turnTo(terms.expiry - 1);
  await pair.buyer.sync();
  assert.equal((await pair.state()).kind, 'open', 'blocks are behind the clock');
  pair.world.pass(terms.expiry);
  await pair.buyer.sync();
  const state = await pair.state();
  assert.equal(state.kind, 'refunding');
  assert.ok(state.kind === 'refunding' && pair.world.waits(transactionId(state.transaction)));
  for (let i = 0; i < BURIED; i++) pair.world.mine();
  await pair.buyer.sync();
  const ended = await pair.state();
  assert.ok(ended.kind === 'ended' && ended.how === 'refunded');
  assert.ok(capacityOf(deposits) - ended.returned < DOGE / 10n);
}

const scenarios = {
  'open, 200 increments with info, close': increments,
  'disconnect and resume': resumed,
  'restart of either side and resume': restarted,
  exhausted,
  'closed by the server, the connection first and then the channel': closedByServer,
  'refund after the expiry': refunded,
} as const;

for (const contract of bitcoinjContracts) {
  describe(`pawment pays bitcoinj by ${contract.id}`, { skip: whyWithoutJava() ?? false }, () => {
    for (const [name, run] of Object.entries(scenarios)) {
      test(name, async () => {
        await using pair = await Pair.start(contract);
        await run(pair);
      });
    }

    test('open, pay and close at the listener of bitcoinj’s own', async () => {
      await using pair = await Pair.start(contract, 'tcp');
      const { channel, first } = await pair.open();
      await pair.pay(channel, DOGE, first + DOGE, INFO);
      // Its last frame is lost: the settlement is found in the chain.
      assert.equal(await channel.settle(), undefined);
      await pair.settled(first + DOGE, await pair.broadcast());
    });
  });
}
