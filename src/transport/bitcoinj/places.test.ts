import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { BitcoinjPayer, type PayerChannel } from '../../../test/world/bitcoinj-payer.ts';
import { BitcoinjWorld } from '../../../test/world/bitcoinj-world.ts';
import { amount } from '../../core/base/amount.ts';
import { encodeBitcoinj } from '../../core/message/bitcoinj/encode.ts';
import { encodeFrame } from '../frame.ts';
import { connectTcp } from '../tcp/connect.ts';
import { serveTcp } from '../tcp/serve.ts';
import { serveBitcoinj } from './server.ts';
import { Attachments } from './session-registry.ts';

const DOGE = 100_000_000n;
const VALUE = amount(10n * DOGE);
const PLACES = 8;

interface Shop {
  readonly port: number;
  readonly payer: (key: number) => Promise<BitcoinjPayer>;
}

/** A merchant over real sockets, with few places. */
async function opened(t: TestContext): Promise<Shop> {
  const world = await BitcoinjWorld.open();
  const attachments = new Attachments();
  const server = await serveTcp((line, keep) => serveBitcoinj(line, world.payee, attachments, { keep }), { mostConnections: PLACES });
  t.after(() => server.close());
  const fund = (script: Uint8Array, value: bigint) => world.regtest.faucet.prepare([{ value, script }]) ?? assert.fail();
  const payer = async (key: number): Promise<BitcoinjPayer> => {
    const line = await connectTcp('127.0.0.1', server.port);
    t.after(() => line.close());
    return new BitcoinjPayer(line, { coin: world.coin, key, major: 2, cut: () => undefined, served: Promise.resolve(), fund });
  };
  return { port: server.port, payer };
}

/** Somebody who knows a contract's id, names it, and stays. Resolves when it is answered, or sent away. */
async function guest(t: TestContext, { port }: Shop, { txid }: PayerChannel): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  socket.write(encodeFrame(encodeBitcoinj({ kind: 'client-version', major: 2, minor: 0, previous: txid })));
  await Promise.race([once(socket, 'data'), once(socket, 'close')]);
}

test('guests that name a known contract fill all places, and keep neither who has paid nor who comes to pay', async (t) => {
  const shop = await opened(t);
  const payer = await shop.payer(1);
  const channel = await payer.open(VALUE);
  for (let i = 0; i < 3 * PLACES; i++) await guest(t, shop, channel);
  await payer.pay(channel, DOGE);
  const other = await shop.payer(2);
  const second = await other.open(VALUE);
  for (let i = 0; i < 3 * PLACES; i++) await guest(t, shop, channel);
  await other.pay(second, DOGE);
  await payer.pay(channel, 2n * DOGE);
});

test('a guest that pays is a guest no more', async (t) => {
  const shop = await opened(t);
  const payer = await shop.payer(1);
  const channel = await payer.open(VALUE);
  await payer.hangUp();
  const again = await shop.payer(1);
  await again.resume(channel);
  await again.pay(channel, DOGE);
  for (let i = 0; i < 3 * PLACES; i++) await guest(t, shop, channel);
  await again.pay(channel, 2n * DOGE);
});
