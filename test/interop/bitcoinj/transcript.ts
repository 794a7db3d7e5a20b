import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { type Amount, amount, formatAmount } from '../../../src/core/base/amount.ts';
import { bytesToHex } from '../../../src/core/base/bytes.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import { decodeBitcoinj } from '../../../src/core/message/bitcoinj/decode.ts';
import type { BitcoinjMessage } from '../../../src/core/message/bitcoinj/message.ts';
import { decodeTransaction } from '../../../src/core/tx/transaction.ts';
import { type Frame, RecordingProxy } from './proxy.ts';
import { World } from './world.ts';

const DOGE = 100_000_000n;
const VALUE = amount(5n * DOGE);
const CUPS = 3;
const first = z.object({ bitcoinj: z.int() });

/** `pawment merchant`, as anybody would start it. */
async function startMerchant(world: World): Promise<{ readonly process: ChildProcess; readonly port: number }> {
  const { url, user, password } = world.node;
  const place = ['--rpc-url', url, '--rpc-user', user, '--datadir', join(world.folder, 'merchant'), '--json'];
  const words = ['merchant', '--listen', '127.0.0.1:0', '--bitcoinj', ':0', '--price', 'tea=0.1', '--unconfirmed', '5', '--exposure', '50'];
  const env = { ...process.env, PAWMENT_PASSPHRASE: 'much secret', PAWMENT_RPC_PASSWORD: password };
  const merchant = spawn(process.execPath, ['bin/pawment.js', ...words, ...place], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await Promise.race([
    once(createInterface({ input: merchant.stdout }), 'line'),
    once(merchant, 'exit').then(([code]) => Promise.reject(new Error(`the merchant ended with ${code}`))),
  ]);
  return { process: merchant, port: first.parse(JSON.parse(z.string().parse(line))).bitcoinj };
}

/** A bitcoinj client buys tea from `pawment merchant`, and has its channel settled; what they said, a line a message. */
export async function transcript(): Promise<readonly string[]> {
  await using world = await World.start();
  // The merchant's clock is the system's.
  world.turnTo(Math.floor(Date.now() / 1000));
  world.mine();
  const merchant = await startMerchant(world);
  try {
    await using payer = await world.peer('payer');
    await world.fund(payer, amount(4n * VALUE));
    // A contract that builds on coins in no block would wait for one.
    world.mine();
    await using proxy = await RecordingProxy.start(merchant.port);
    const order = { level: 'protocol', version: 'VERSION_2_ALLOW_1', key: '11'.repeat(32), value: VALUE, window: 86_340 } as const;
    const { contract } = await payer.connect({ ...order, port: proxy.port });
    for (let cup = 0; cup < CUPS; cup++) await payer.pay(DOGE / 10n, Buffer.from('tea').toString('hex'));
    await payer.settle();
    const settlement = await payer.settledBy(contract);
    world.mine();
    if (!world.isMined(settlement)) throw new Error('the settlement is in no block');
    return proxy.taken().map((frame) => spoken(frame, VALUE));
  } finally {
    merchant.process.kill();
    await once(merchant.process, 'exit');
  }
}

function spoken({ from, body }: Frame, capacity: Amount): string {
  const message = decodeBitcoinj(body);
  if (isRefusal(message)) throw new Error(message.message);
  const name = message.kind.toUpperCase().replaceAll('-', '_');
  const facts = factsOf(message, capacity).map(([key, value]) => `${key} ${value}`);
  return `${from === 'client' ? 'bitcoinj' : 'pawment '}  ${[name, ...facts].join(', ')}`;
}

function factsOf(message: BitcoinjMessage, capacity: Amount): readonly (readonly [string, string | number])[] {
  switch (message.kind) {
    case 'client-version':
      return [
        ['major', message.major],
        ['window', message.window ?? ''],
      ];
    case 'server-version':
      return [['major', message.major]];
    case 'initiate':
      return [
        ['key', short(message.payeeKey)],
        ['least channel', formatAmount(message.minCapacity)],
        ['first payment', formatAmount(message.minPayment)],
      ];
    case 'provide-contract':
      return [
        ['value', formatAmount(amount(decodeTransaction(message.contract)?.outputs[0]?.value ?? 0n))],
        ['pays', paid(capacity, message.initial.change)],
      ];
    case 'update-payment':
      return [
        ['pays', paid(capacity, message.change)],
        ['info', textOf(message.info)],
      ];
    case 'payment-ack':
      return [['info', textOf(message.info)]];
    case 'close':
      return message.settlement === undefined ? [] : [['settlement', outputsOf(message.settlement)]];
    default:
      return [];
  }
}

function paid(capacity: Amount, change: Amount): string {
  return `${formatAmount(amount(capacity - change))} in all`;
}

function short(bytes: Uint8Array): string {
  return `${bytesToHex(bytes).slice(0, 8)}…`;
}

function textOf(info: Uint8Array | undefined): string {
  return `"${new TextDecoder().decode(info)}"`;
}

function outputsOf(settlement: Uint8Array): string {
  const values = decodeTransaction(settlement)?.outputs.map(({ value }) => formatAmount(amount(value))) ?? [];
  return `of ${values.join(' and ')}`;
}

if (import.meta.main) for (const line of await transcript()) console.log(line);
