import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../../../src/core/base/amount.ts';
import type { Coin } from '../../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../../src/core/coin/litecoin.ts';
import { whyWithoutJava } from './build.ts';
import type { BitcoinjPeer, ConnectOptions, Level } from './peer.ts';
import type { Events, OpenChannel } from './said.ts';
import { lenient, World } from './world.ts';

const DOGE = 100_000_000n;
const VALUE = 5n * DOGE;
const MIN_PAYMENT = 1_000n;
const WINDOW = 14_400;
/** How long after expiry bitcoinj's payer waits, and how long before it its payee settles. */
const REFUND_DELAY = 300;
const CLOSING_MARGIN = 7_200;
const PREFIX = 'a0';
/** Info of a payment that the payee's application refuses. */
const UNWANTED = 'dead';

type Version = 'VERSION_1' | 'VERSION_2';
const majors = { VERSION_1: 1, VERSION_2: 2 } as const;

/** Two bitcoinj peers on one chain. */
class Pair implements AsyncDisposable {
  readonly world: World;
  readonly #settings: Pick<ConnectOptions, 'level' | 'version'>;
  payer: BitcoinjPeer;
  payee: BitcoinjPeer;
  port = 0;

  private constructor(world: World, settings: Pick<ConnectOptions, 'level' | 'version'>, payer: BitcoinjPeer, payee: BitcoinjPeer) {
    this.world = world;
    this.#settings = settings;
    this.payer = payer;
    this.payee = payee;
  }

  static async start(level: Level, version: ConnectOptions['version'], coin: Coin = lenient(dogecoinRegtest)): Promise<Pair> {
    const world = await World.start(coin);
    const pair = new Pair(world, { level, version }, await world.peer('payer'), await world.peer('payee'));
    await world.fund(pair.payer, amount(4n * VALUE));
    await pair.listen();
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.payer.kill();
    await this.payee.kill();
    await this.world[Symbol.asyncDispose]();
  }

  async listen(): Promise<void> {
    this.port = await this.payee.listen({ level: this.level, prefix: PREFIX, unwanted: UNWANTED });
  }

  get level(): Level {
    return this.#settings.level;
  }

  /** As after a power cut: with the wallet as it is in the file. */
  async restartPayer(): Promise<void> {
    await this.payer.kill();
    await this.payee.next('closed');
    this.payer = await this.world.peer('payer');
  }

  async restartPayee(): Promise<void> {
    await this.payee.kill();
    if (this.level === 'protocol') await this.payer.next('closed');
    this.payee = await this.world.peer('payee');
  }

  /** A new channel, or the stored one again; the payee has said that it is open. */
  async connect(): Promise<OpenChannel> {
    const channel = await this.payer.connect({ ...this.#settings, port: this.port, key: '11'.repeat(32), value: VALUE, window: WINDOW });
    assert.equal((await this.payee.next('channel-open')).contract, channel.contract);
    return channel;
  }

  /** A new channel whose contract is in the chain. */
  async open(): Promise<OpenChannel> {
    const channel = await this.connect();
    const contract = await this.accepted(this.payee);
    assert.equal(contract.txid, channel.contract);
    assert.deepEqual(await this.payee.next('payment'), { by: MIN_PAYMENT, to: MIN_PAYMENT });
    this.world.mine();
    assert.ok(this.world.isMined(contract.txid));
    return channel;
  }

  /** A connection has ended, on both sides; why, only the payer on the level `protocol` can tell. */
  async parted(reason: string): Promise<void> {
    await this.payee.next('closed');
    if (this.level === 'protocol') assert.equal((await this.payer.next('closed')).reason, reason);
  }

  /** Pays and is acknowledged; the payee counts `to` in all. */
  async pay(size: bigint, to: bigint, info: string): Promise<void> {
    assert.deepEqual(await this.payer.pay(size, info), { value: size, info: `${PREFIX}${info}` });
    assert.deepEqual(await this.payee.next('payment'), { by: size, to, info });
  }

  /** The next transaction that the peer hands to the node, which takes it. */
  async accepted(peer: BitcoinjPeer): Promise<Events['broadcast']> {
    const broadcast = await peer.next('broadcast');
    assert.equal(broadcast.refusal, undefined);
    assert.ok(this.world.waits(broadcast.txid) || this.world.isMined(broadcast.txid));
    return broadcast;
  }

  /** The settlement of a channel that has paid `total`, mined. */
  async settled(total: bigint): Promise<Events['broadcast']> {
    const settlement = await this.accepted(this.payee);
    const [change, payout] = this.world.outputs(settlement.txid);
    assert.equal(change, VALUE - total);
    assert.ok(payout !== undefined && payout > 0n && payout < total, 'the payee pays the fee out of its part');
    this.world.mine();
    assert.ok(this.world.isMined(settlement.txid));
    return settlement;
  }

  /** Makes the channel's expiry the chain's past, and restarts the payer, whose timer is overdue then. */
  async expire(): Promise<void> {
    const expiry = (await this.payer.channels()).payer[0]?.expiry;
    assert.ok(expiry !== undefined);
    await this.payer.kill();
    this.world.pass(expiry + REFUND_DELAY);
    this.payer = await this.world.peer('payer');
  }
}

async function life(pair: Pair, version: Version): Promise<void> {
  const channel = await pair.open();
  assert.equal(channel.version, majors[version]);
  assert.equal(channel.spent, MIN_PAYMENT);
  let total = MIN_PAYMENT;
  const pay = async (): Promise<void> => {
    total += DOGE / 50n;
    await pair.pay(DOGE / 50n, total, total.toString(16).padStart(16, '0'));
  };
  for (let i = 0; i < 20; i++) await pay();

  await pair.payer.disconnect();
  await pair.parted('CONNECTION_CLOSED');
  assert.equal((await pair.connect()).contract, channel.contract, 'resumed after the payer went');
  await pay();

  await pair.payee.hangUp();
  await pair.parted('SERVER_REQUESTED_CLOSE');
  assert.equal((await pair.connect()).contract, channel.contract, 'resumed after the payee hung up');
  await pay();

  await pair.restartPayer();
  assert.equal((await pair.connect()).contract, channel.contract, 'resumed after a restart of the payer');
  await pay();

  await pair.restartPayee();
  await pair.listen();
  assert.equal((await pair.connect()).contract, channel.contract, 'resumed after a restart of the payee');
  await pay();
  assert.equal((await pair.payer.state()).spent, total);

  await pair.payer.settle();
  const settlement = await pair.settled(total);
  await pair.parted('CLIENT_REQUESTED_CLOSE');
  assert.deepEqual((await pair.payee.channels()).payee, []);
  if (pair.level === 'tcp') await pair.payer.see(settlement.hex);
  assert.equal(await pair.payer.settledBy(channel.contract), settlement.txid, 'CLOSE told the payer, or the chain where it was lost');
  await pair.payer.mine(2, settlement.hex);
  assert.equal((await pair.payer.channels()).payer.length, 1);
  await pair.payer.mine(1);
  assert.deepEqual((await pair.payer.channels()).payer, [], 'forgotten at its third confirmation');
}

describe('bitcoinj pays bitcoinj', { skip: whyWithoutJava() ?? false }, () => {
  for (const version of ['VERSION_1', 'VERSION_2'] as const) {
    for (const level of ['tcp', 'protocol'] as const) {
      test(`${version}, ${level}: open, pay, resume after every way to part, settle`, async () => {
        await using pair = await Pair.start(level, version);
        await life(pair, version);
      });
    }

    test(`${version}: the refund, by the payer's own timer`, async () => {
      await using pair = await Pair.start('tcp', version);
      const { contract } = await pair.open();
      await pair.pay(DOGE, DOGE + MIN_PAYMENT, '01');
      await pair.expire();
      assert.match((await pair.payer.next('broadcast')).refusal ?? '', /already in block chain/, 'it sends the contract first');
      const refund = await pair.accepted(pair.payer);
      assert.deepEqual(pair.world.outputs(refund.txid), [VALUE - 1_000n]);
      assert.equal(pair.world.spends(refund.txid), `${contract}:0`);
      pair.world.mine();
      assert.ok(pair.world.isMined(refund.txid));
    });

    test(`${version}: the payee's own timer settles two hours before expiry`, async () => {
      await using pair = await Pair.start('protocol', version);
      await pair.open();
      await pair.pay(DOGE, DOGE + MIN_PAYMENT, '01');
      const expiry = (await pair.payee.channels()).payee[0]?.expiry ?? 0;
      await pair.payee.kill();
      pair.world.turnTo(expiry - CLOSING_MARGIN);
      pair.payee = await pair.world.peer('payee');
      await pair.settled(DOGE + MIN_PAYMENT);
    });

    test(`${version}: a payment that the payee's application refuses counts all the same`, async () => {
      await using pair = await Pair.start('protocol', version);
      const { contract } = await pair.open();
      await assert.rejects(pair.payer.pay(DOGE, UNWANTED), /REMOTE_SENT_ERROR/);
      await pair.parted('REMOTE_SENT_ERROR');
      assert.equal((await pair.payee.next('payment')).to, DOGE + MIN_PAYMENT);
      assert.equal((await pair.connect()).contract, contract);
      await pair.pay(DOGE, 2n * DOGE + MIN_PAYMENT, '01');
    });

    test(`${version}: the payee settles when it likes`, async () => {
      await using pair = await Pair.start('protocol', version);
      const { contract } = await pair.open();
      await pair.pay(DOGE, DOGE + MIN_PAYMENT, '01');
      await pair.payee.settleChannel(contract);
      await pair.settled(DOGE + MIN_PAYMENT);
      assert.equal((await pair.payer.next('closed')).reason, 'SERVER_REQUESTED_CLOSE');
    });

    test(`${version}: the last payment takes what would have been dust, and ends the channel`, async () => {
      await using pair = await Pair.start('protocol', version);
      await pair.open();
      const rest = VALUE - MIN_PAYMENT;
      assert.deepEqual(await pair.payer.pay(rest - 545n, '02'), { value: rest, info: `${PREFIX}02` });
      assert.equal((await pair.payee.next('payment')).to, VALUE);
      const settlement = await pair.accepted(pair.payee);
      assert.equal(pair.world.outputs(settlement.txid).length, 1, 'nothing goes back to the payer');
      assert.equal((await pair.payer.next('closed')).reason, 'SERVER_REQUESTED_CLOSE');
      pair.world.mine();
      assert.ok(pair.world.isMined(settlement.txid));
    });
  }

  test('the refund by wall clock, an hour before the median time allows it: refused, and forgotten', async () => {
    await using pair = await Pair.start('tcp', 'VERSION_2');
    await pair.open();
    const [stored] = (await pair.payer.channels()).payer;
    assert.ok(stored);
    await pair.payer.kill();
    pair.world.turnTo(stored.expiry + REFUND_DELAY + 1);
    pair.payer = await pair.world.peer('payer');
    await pair.payer.next('broadcast');
    assert.match((await pair.payer.next('broadcast')).refusal ?? '', /non-final/);
    assert.deepEqual((await pair.payer.channels()).payer, []);
  });

  test('a Dogecoin node with its usual limits relays what bitcoinj settles, and not its refund', async () => {
    await using settling = await Pair.start('tcp', 'VERSION_2', dogecoinRegtest);
    const { contract } = await settling.open();
    await settling.pay(DOGE, DOGE + MIN_PAYMENT, '01');
    await settling.payee.settleChannel(contract);
    await settling.settled(DOGE + MIN_PAYMENT);
    await using refunding = await Pair.start('tcp', 'VERSION_2', dogecoinRegtest);
    await refunding.open();
    await refunding.expire();
    await refunding.payer.next('broadcast');
    assert.match((await refunding.payer.next('broadcast')).refusal ?? '', /insufficient priority/);
  });

  test('on Litecoin, and the payer that would take either version gets the second', async () => {
    await using pair = await Pair.start('protocol', 'VERSION_2_ALLOW_1', lenient(litecoinRegtest));
    const { contract, version } = await pair.open();
    assert.equal(version, 2);
    const expiry = (await pair.payer.channels()).payer[0]?.expiry ?? 0;
    await pair.payer.refund(contract);
    await pair.payer.next('broadcast');
    assert.match((await pair.payer.next('broadcast')).refusal ?? '', /non-final/);
    pair.world.pass(expiry);
    await pair.payer.refund(contract);
    await pair.payer.next('broadcast');
    const refund = await pair.accepted(pair.payer);
    pair.world.mine();
    assert.ok(pair.world.isMined(refund.txid));
  });
});
