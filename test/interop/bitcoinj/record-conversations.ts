import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { amount } from '../../../src/core/base/amount.ts';
import { bytesToHex } from '../../../src/core/base/bytes.ts';
import { type Conversation, GOLDEN, readConversations, readRecording } from './golden.ts';
import type { BitcoinjPeer, ConnectOptions, ListenOptions } from './peer.ts';
import { RecordingProxy } from './proxy.ts';
import { RawClient } from './raw.ts';
import { World } from './world.ts';

// Records what v1.json and v2.json leave out: resuming, the ends of channels, and every error that bitcoinj sends. Run once, as record.ts.
const KEY = '11'.repeat(32);
const VALUE = amount(500_000_000n);
const file = join(GOLDEN, 'conversations.json');

const conversations: Conversation[] = [];

/** Two peers with a proxy between them, and the next chapter of what it hears. */
class Stage implements AsyncDisposable {
  readonly payer: BitcoinjPeer;
  readonly payee: BitcoinjPeer;
  readonly #proxy: RecordingProxy;
  readonly #world: World;

  private constructor(world: World, payer: BitcoinjPeer, payee: BitcoinjPeer, proxy: RecordingProxy) {
    this.#world = world;
    this.payer = payer;
    this.payee = payee;
    this.#proxy = proxy;
  }

  static async start(options: Partial<ListenOptions> = {}): Promise<Stage> {
    const world = await World.start();
    const payee = await world.peer('payee');
    const payer = await world.peer('payer');
    await world.fund(payer, amount(4n * VALUE));
    return new Stage(world, payer, payee, await RecordingProxy.start(await payee.listen({ level: 'protocol', ...options })));
  }

  get port(): number {
    return this.#proxy.port;
  }

  async connect(version: 1 | 2, options: Partial<ConnectOptions> = {}): Promise<void> {
    const { port } = this;
    await this.payer.connect({
      level: 'protocol',
      port,
      version: `VERSION_${version}`,
      key: KEY,
      value: VALUE,
      window: 14_400,
      ...options,
    });
  }

  async fail(version: 1 | 2, options: Partial<ConnectOptions> = {}): Promise<void> {
    const error: unknown = await this.connect(version, options).catch((reason: unknown) => reason);
    if (!(error instanceof Error)) throw new Error('bitcoinj should not have opened this channel');
    await this.payee.next('closed');
  }

  /** Keeps what was said since the last call; without a title it is dropped. */
  tell(title?: string): void {
    const frames = this.#proxy.taken().map(({ from, body }) => ({ from, body: bytesToHex(body) }));
    if (title !== undefined) conversations.push({ title, frames });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.payer.kill();
    await this.payee.kill();
    await this.#proxy[Symbol.asyncDispose]();
    await this.#world[Symbol.asyncDispose]();
  }
}

async function resumesAndEnds(version: 1 | 2): Promise<void> {
  await using stage = await Stage.start();
  const { payer, payee } = stage;
  await stage.connect(version);
  await payer.disconnect();
  await payee.next('closed');
  await payer.next('closed');
  stage.tell();
  await stage.connect(version);
  stage.tell(`version ${version}: a stored channel is resumed`);
  await payee.hangUp();
  await payer.next('closed');
  stage.tell('the server ends the connection and settles nothing');
  await stage.connect(version);
  stage.tell();
  await payer.pay(VALUE - 1_000n);
  await payer.next('closed');
  stage.tell(`version ${version}: a payment takes all that is left`);
}

async function forgotten(version: 1 | 2): Promise<void> {
  await using stage = await Stage.start();
  await stage.connect(version);
  const [channel] = (await stage.payee.channels()).payee;
  await stage.payer.disconnect();
  await stage.payee.settleChannel(channel?.contract ?? '');
  stage.tell();
  await stage.connect(version);
  stage.tell(`version ${version}: the server knows no such channel, and a new one is opened`);
}

async function clientErrors(): Promise<void> {
  {
    await using stage = await Stage.start({ minWindow: 20_000 });
    await stage.fail(2);
    stage.tell('the client: TIME_WINDOW_UNACCEPTABLE');
  }
  {
    await using stage = await Stage.start({ minPayment: 5_000n });
    await stage.fail(2);
    stage.tell('the client: MIN_PAYMENT_TOO_LARGE');
  }
  await using stage = await Stage.start({ minimum: VALUE + 1n });
  await stage.fail(2);
  stage.tell('the client: CHANNEL_VALUE_TOO_LARGE');
}

const VERSION_2 = '0801120408021000';

/** UPDATE_PAYMENT. */
function payment(change: bigint, signature: string): string {
  const update = `08${varint(change)}12${length(signature)}${signature}`;
  return `080842${length(update)}${update}`;
}

function varint(value: bigint): string {
  return value < 0x80n ? byte(value) : byte((value & 0x7fn) | 0x80n) + varint(value >> 7n);
}

function byte(value: bigint): string {
  return value.toString(16).padStart(2, '0');
}

function length(hex: string): string {
  return byte(BigInt(hex.length / 2));
}

/** What the real server has against clients that bitcoinj's own would never be. */
async function serverErrors(): Promise<void> {
  await using stage = await Stage.start();
  const scold = async (title: string, ...bodies: readonly string[]): Promise<void> => {
    stage.tell();
    await using client = await RawClient.connect(stage.port);
    for (const body of bodies) client.send(body);
    for (let body = await client.next(); body !== undefined; ) body = await client.next();
    await stage.payee.next('closed');
    stage.tell(title);
  };
  await scold('the server: NO_ACCEPTABLE_VERSION', '0801120408031000');
  await scold('a contract that is no transaction', VERSION_2, '08063a0c0a02beef1206080012023000');

  await stage.connect(2);
  const [channel] = (await stage.payee.channels()).payee;
  const resume = `08011226080210001a20${channel?.contract}`;
  await stage.payer.disconnect();
  await stage.payee.next('closed');
  const { signature = '' } = channel ?? {};
  await scold('the server: BAD_TRANSACTION, the signature is not DER', resume, payment(0n, 'ffff83'));
  await scold('the server: BAD_TRANSACTION, the hash type is not that for no change', resume, payment(0n, signature));
  await scold('the server: BAD_TRANSACTION, the signature is for another sum', resume, payment(VALUE - 2_000n, signature));
  await scold('the server: BAD_TRANSACTION, a lower total than before', resume, payment(VALUE - 999n, signature));
  await scold('the server: BAD_TRANSACTION, more change than the channel holds', resume, payment(2n * VALUE, signature));
  await scold('the server: SYNTAX_ERROR, a message that only servers send', '0807');
  await scold('a payment before anything else', payment(0n, signature));
}

/** Windows that a server is asked for, and what it offers at the clock of the recordings. */
async function windows(): Promise<void> {
  await using stage = await Stage.start();
  for (const [title, clientVersion] of [
    ['too short a window is asked for: 60 seconds', '0801120608021000203c'],
    ['too long a window is asked for: 30 days', '080112090802100020809a9e01'],
  ] as const) {
    await using client = await RawClient.connect(stage.port);
    client.send(clientVersion);
    await client.next();
    await client.next();
    stage.tell(title);
  }
}

/** What only shows with a channel that is in use, or hardly used. */
async function inUse(version: 1 | 2): Promise<void> {
  await using stage = await Stage.start({ unwanted: 'dead' });
  await stage.connect(version);
  stage.tell();
  await stage.payer.pay(1_000n, 'dead').catch(() => undefined);
  await stage.payer.next('closed');
  stage.tell(`version ${version}, the server: OTHER, its application refuses a payment`);
  await stage.connect(version);
  const [channel] = (await stage.payee.channels()).payee;
  stage.tell();
  await using client = await RawClient.connect(stage.port);
  client.send(`08011226080${version}10001a20${channel?.contract}`);
  await client.next();
  await client.next();
  await stage.payer.next('closed');
  stage.tell(`version ${version}: a second client takes the channel over, and the first is sent away`);
  client.send('0809');
  await client.next();
  stage.tell(`version ${version}, the server: BAD_TRANSACTION, less has been paid than the settlement costs`);
}

/** A refund of v1 that unlocks before the time the server has named. */
async function earlyRefund(): Promise<void> {
  await using stage = await Stage.start();
  const refund = readRecording(1).frames[3]?.body ?? '';
  await using client = await RawClient.connect(stage.port);
  client.send('0801120408011000');
  client.send(refund);
  for (let body = await client.next(); body !== undefined; ) body = await client.next();
  stage.tell('version 1, the server: BAD_TRANSACTION, the refund unlocks too early');
}

for (const version of [1, 2] as const) await resumesAndEnds(version);
for (const version of [1, 2] as const) await forgotten(version);
await clientErrors();
await serverErrors();
await windows();
for (const version of [1, 2] as const) await inUse(version);
await earlyRefund();
// What was recorded before stays as it is.
const kept = existsSync(file) ? readConversations() : [];
const added = conversations.filter(({ title }) => !kept.some((one) => one.title === title));
await writeFile(file, `${JSON.stringify([...kept, ...added], undefined, 2)}\n`);
