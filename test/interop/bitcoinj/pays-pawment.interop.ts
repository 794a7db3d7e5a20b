import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../../../src/core/base/amount.ts';
import type { PayeeState } from '../../../src/core/channel/payee-state.ts';
import type { Contract } from '../../../src/core/contract/contract.ts';
import { bitcoinjContracts, majorOf } from '../../../src/core/message/bitcoinj/version.ts';
import { transactionId } from '../../../src/core/tx/transaction.ts';
import { whyWithoutJava } from './build.ts';
import type { BitcoinjPeer, ConnectOptions, Level } from './peer.ts';
import type { OpenChannel } from './said.ts';
import { MIN_PAYMENT, PawmentShop, PREFIX } from './shop.ts';
import { World } from './world.ts';

const DOGE = 100_000_000n;
const VALUE = 5n * DOGE;
const WINDOW = 14_400;
/** How long after expiry bitcoinj's payer waits. */
const REFUND_DELAY = 300;
const CLOSING_MARGIN = 7_500;
const BURIED = 61;

/** A bitcoinj payer and a pawment merchant on one chain. */
class Pair implements AsyncDisposable {
  readonly world: World;
  readonly #settings: Pick<ConnectOptions, 'level' | 'version'>;
  payer: BitcoinjPeer;
  shop: PawmentShop;

  private constructor(world: World, settings: Pick<ConnectOptions, 'level' | 'version'>, payer: BitcoinjPeer, shop: PawmentShop) {
    this.world = world;
    this.#settings = settings;
    this.payer = payer;
    this.shop = shop;
  }

  static async start(version: ConnectOptions['version'], level: Level = 'protocol'): Promise<Pair> {
    const world = await World.start();
    const pair = new Pair(world, { level, version }, await world.peer('payer'), await PawmentShop.start(world));
    await world.fund(pair.payer, amount(4n * VALUE));
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.payer.kill();
    await this.shop[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
    assert.deepEqual(this.shop.faults, []);
  }

  /** A new channel, or the stored one again. */
  connect(): Promise<OpenChannel> {
    return this.payer.connect({ ...this.#settings, port: this.shop.port, key: '11'.repeat(32), value: VALUE, window: WINDOW });
  }

  /** A new channel whose contract is in the chain. */
  async open(): Promise<OpenChannel> {
    const channel = await this.connect();
    assert.equal(channel.spent, MIN_PAYMENT);
    const { deposits, terms } = await this.state();
    assert.equal(deposits[0]?.outpoint.txid, channel.contract);
    assert.equal(majorOf(terms.contract), channel.version);
    this.world.mine();
    assert.ok(this.world.isMined(channel.contract));
    await this.shop.poll();
    return channel;
  }

  /** Goes on with the channel that there is. */
  async resume({ contract }: OpenChannel): Promise<void> {
    assert.equal((await this.connect()).contract, contract);
  }

  /** Pays, and is acknowledged with what came along; the application is told `by`, and the merchant counts `total` in all. */
  async pay(size: bigint, total: bigint, info: string, by = size): Promise<void> {
    assert.deepEqual(await this.payer.pay(size, info), { value: size, info: `${PREFIX.toString(16)}${info}` });
    assert.deepEqual(this.shop.told.at(-1), { kind: 'paid', by, total, info });
    assert.equal((await this.state()).best?.total, total);
  }

  async state(): Promise<PayeeState> {
    for await (const [, state] of this.shop.merchant.engine.all()) return state;
    return assert.fail('the merchant has no channel');
  }

  /** A settlement of `total` that both sides know is mined, and buried. */
  async settled({ contract }: OpenChannel, total: bigint): Promise<void> {
    const txid = await this.payer.settledBy(contract);
    const outputs = this.world.outputs(txid);
    if (total < VALUE) assert.equal(outputs[0], VALUE - total);
    assert.equal(outputs.length, total < VALUE ? 2 : 1);
    assert.equal(this.world.spends(txid), `${contract}:0`);
    for (let i = 0; i < BURIED; i++) this.world.mine();
    assert.ok(this.world.isMined(txid));
    await this.shop.poll();
    const state = await this.state();
    assert.deepEqual(state.kind === 'ended' && state.how, 'closed');
  }

  async restartPayer(): Promise<void> {
    await this.payer.kill();
    this.payer = await this.world.peer('payer');
  }

  async restartShop(way: 'stop' | 'kill'): Promise<void> {
    const { port } = this.shop;
    await this.shop[way === 'kill' ? 'kill' : Symbol.asyncDispose]();
    this.shop = await PawmentShop.start(this.world, port);
  }
}

async function increments(pair: Pair): Promise<void> {
  const channel = await pair.open();
  let total = MIN_PAYMENT + 0n;
  for (let i = 0; i < 200; i++) {
    total += DOGE / 50n;
    // The first that a close can pay out brings along what was paid before.
    await pair.pay(DOGE / 50n, total, i.toString(16).padStart(4, '0'), i === 0 ? total : DOGE / 50n);
  }
  await pair.payer.settle();
  await pair.settled(channel, total);
}

async function resumed(pair: Pair): Promise<void> {
  const channel = await pair.open();
  await pair.pay(DOGE, MIN_PAYMENT + DOGE, '01', MIN_PAYMENT + DOGE);
  await pair.payer.disconnect();
  await pair.resume(channel);
  await pair.pay(DOGE, MIN_PAYMENT + 2n * DOGE, '02');
  await pair.restartPayer();
  await pair.resume(channel);
  await pair.pay(DOGE, MIN_PAYMENT + 3n * DOGE, '03');
  await pair.payer.settle();
  await pair.settled(channel, MIN_PAYMENT + 3n * DOGE);
}

async function restarted(pair: Pair): Promise<void> {
  const channel = await pair.open();
  await pair.pay(DOGE, MIN_PAYMENT + DOGE, '01', MIN_PAYMENT + DOGE);
  await pair.restartShop('stop');
  assert.equal((await pair.payer.next('closed')).reason, 'SERVER_REQUESTED_CLOSE');
  await pair.resume(channel);
  await pair.pay(DOGE, MIN_PAYMENT + 2n * DOGE, '02');
  await pair.restartShop('kill');
  assert.equal((await pair.payer.next('closed')).reason, 'CONNECTION_CLOSED');
  await pair.resume(channel);
  await pair.pay(DOGE, MIN_PAYMENT + 3n * DOGE, '03');
  await pair.payer.settle();
  await pair.settled(channel, MIN_PAYMENT + 3n * DOGE);
}

async function exhausted(pair: Pair): Promise<void> {
  const channel = await pair.open();
  const rest = VALUE - MIN_PAYMENT;
  // What would be left is dust, and goes along.
  assert.deepEqual(await pair.payer.pay(rest - 545n, '01'), { value: rest, info: `${PREFIX.toString(16)}01` });
  assert.equal((await pair.payer.next('closed')).reason, 'SERVER_REQUESTED_CLOSE');
  const state = await pair.state();
  assert.ok(state.kind === 'closing');
  // Nothing of it pays the client, which so can't see it in the chain either.
  pair.world.mine();
  const txid = transactionId(state.transaction);
  assert.ok(pair.world.isMined(txid));
  assert.equal(pair.world.outputs(txid).length, 1);
  assert.equal(pair.world.spends(txid), `${channel.contract}:0`);
}

async function closedByMerchant(pair: Pair): Promise<void> {
  const channel = await pair.open();
  await pair.pay(DOGE, MIN_PAYMENT + DOGE, '01', MIN_PAYMENT + DOGE);
  await pair.shop.merchant.close((await pair.state()).channel);
  assert.equal((await pair.payer.next('closed')).reason, 'SERVER_REQUESTED_CLOSE');
  await pair.settled(channel, MIN_PAYMENT + DOGE);
}

async function closedAtTheMargin(pair: Pair): Promise<void> {
  const channel = await pair.open();
  await pair.pay(DOGE, MIN_PAYMENT + DOGE, '01', MIN_PAYMENT + DOGE);
  const { terms } = await pair.state();
  pair.world.turnTo(terms.expiry - CLOSING_MARGIN - 1);
  await pair.shop.poll();
  await pair.pay(DOGE, MIN_PAYMENT + 2n * DOGE, '02');
  pair.world.turnTo(terms.expiry - CLOSING_MARGIN);
  pair.world.mine();
  await pair.shop.poll();
  assert.equal((await pair.payer.next('closed')).reason, 'SERVER_REQUESTED_CLOSE');
  await pair.settled(channel, MIN_PAYMENT + 2n * DOGE);
}

async function refunded(pair: Pair): Promise<void> {
  const { contract } = await pair.open();
  await pair.pay(DOGE, MIN_PAYMENT + DOGE, '01', MIN_PAYMENT + DOGE);
  const { expiry } = (await pair.state()).terms;
  await pair.shop.kill();
  await pair.payer.kill();
  pair.world.pass(expiry + REFUND_DELAY);
  pair.payer = await pair.world.peer('payer');
  assert.match((await pair.payer.next('broadcast')).refusal ?? '', /already in block chain/, 'it sends the contract first');
  const { txid, refusal } = await pair.payer.next('broadcast');
  assert.equal(refusal, undefined);
  assert.deepEqual(pair.world.outputs(txid), [VALUE - 1_000n]);
  assert.equal(pair.world.spends(txid), `${contract}:0`);
  for (let i = 0; i < BURIED; i++) pair.world.mine();
  pair.shop = await PawmentShop.start(pair.world);
  const state = await pair.state();
  assert.deepEqual(state.kind === 'ended' && state.how, 'refunded');
}

async function refusedByApplication(pair: Pair): Promise<void> {
  const channel = await pair.open();
  await assert.rejects(pair.payer.pay(DOGE, PawmentShop.unwanted), /REMOTE_SENT_ERROR/);
  assert.equal((await pair.state()).best?.total, MIN_PAYMENT + DOGE);
  await pair.resume(channel);
  await pair.pay(DOGE, MIN_PAYMENT + 2n * DOGE, '02');
}

async function tooSmall(pair: Pair): Promise<void> {
  const channel = await pair.open();
  for (let i = 0; i < 3; i++) assert.deepEqual(await pair.payer.pay(1_000n, '01'), { value: 1_000n, info: '' });
  assert.equal((await pair.state()).best, undefined);
  await pair.payer.disconnect();
  await pair.resume(channel);
  await pair.pay(DOGE, 4n * MIN_PAYMENT + DOGE, '02', 4n * MIN_PAYMENT + DOGE);
  await pair.payer.settle();
  await pair.settled(channel, 4n * MIN_PAYMENT + DOGE);
}

const scenarios = {
  'open, 200 increments with info, close': increments,
  'disconnect, restart of the client, and resume': resumed,
  'the merchant stops, or is killed, and resume': restarted,
  exhausted,
  'closed by the merchant': closedByMerchant,
  'closed at the merchant’s margin': closedAtTheMargin,
  'refund after the expiry': refunded,
  'a payment that the application refuses': refusedByApplication,
  'payments too small for a close': tooSmall,
} as const;

function versionOf(contract: Contract): 'VERSION_1' | 'VERSION_2' {
  return majorOf(contract) === 1 ? 'VERSION_1' : 'VERSION_2';
}

for (const contract of bitcoinjContracts) {
  describe(`bitcoinj pays pawment by ${contract.id}`, { skip: whyWithoutJava() ?? false }, () => {
    for (const [name, run] of Object.entries(scenarios)) {
      test(name, async () => {
        await using pair = await Pair.start(versionOf(contract));
        await run(pair);
      });
    }

    test('open, pay and close by bitcoinj’s own connection: what the merchant says last arrives', async () => {
      await using pair = await Pair.start(versionOf(contract), 'tcp');
      const channel = await pair.open();
      await pair.pay(DOGE, MIN_PAYMENT + DOGE, '01', MIN_PAYMENT + DOGE);
      await pair.payer.settle();
      await pair.settled(channel, MIN_PAYMENT + DOGE);
    });
  });
}

test('a client that would take either version gets the second', { skip: whyWithoutJava() ?? false }, async () => {
  await using pair = await Pair.start('VERSION_2_ALLOW_1');
  assert.equal((await pair.open()).version, 2);
});
