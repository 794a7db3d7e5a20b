import { type Amount, amount } from '../../src/core/base/amount.ts';
import type { BitcoinjPayer, PayerChannel } from './bitcoinj-payer.ts';
import { BitcoinjWorld, type BitcoinjWorldOptions } from './bitcoinj-world.ts';

/** What the first client's channel holds. */
export const VALUE: Amount = amount(1_000_000_000n);

/** A world in which one client, of key 1, has come and made a channel. */
export interface FirstChannel {
  readonly world: BitcoinjWorld;
  readonly payer: BitcoinjPayer;
  readonly channel: PayerChannel;
}

/** The client has the terms of a channel, and its contract; it has shown nothing. */
export async function prepared(options: BitcoinjWorldOptions = {}): Promise<FirstChannel> {
  const world = await BitcoinjWorld.open(options);
  const payer = world.connect();
  return { world, payer, channel: payer.prepare(await payer.ask(), VALUE) };
}

/** The client has been told that its channel is open. */
export async function opened(options: BitcoinjWorldOptions = {}): Promise<FirstChannel> {
  const world = await BitcoinjWorld.open(options);
  const payer = world.connect();
  return { world, payer, channel: await payer.open(VALUE) };
}

/** The client has paid up to a total and gone; what the application was told of it is forgotten. */
export async function left(total: bigint): Promise<FirstChannel> {
  const first = await opened();
  const { world, payer, channel } = first;
  if (total > 0n) await payer.pay(channel, total);
  await payer.hangUp();
  await payer.served;
  world.told.length = 0;
  return first;
}
