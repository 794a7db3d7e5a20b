import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { Offer } from '../../src/core/message/message.ts';
import { httpConnection } from '../../src/transport/http/client.ts';
import { Attacker, dawdle, type Fate } from './attacker.ts';
import { endless, hostile, type Loot } from './requests.ts';
import { type Customer, openCustomer, openShop, type Shop } from './shop.ts';

export interface FloodOptions {
  readonly requests: number;
  /** Addresses that the requests come from. */
  readonly addresses: number;
  /** Requests a second at most; as fast as they are answered unless given. */
  readonly rate?: number;
  /** Connections that never say anything whole, at any time. */
  readonly dawdlers: number;
  /** Purchases of the honest payer before the flood, and the milliseconds between two of them. */
  readonly quiet: number;
  readonly pace: number;
  readonly note?: (text: string) => void;
}

export interface FloodResult {
  readonly seconds: number;
  readonly fates: Readonly<Record<string, number>>;
  /** Milliseconds of each payment of the honest payer. */
  readonly quiet: readonly number[];
  readonly flooded: readonly number[];
  /** Bytes, sampled every second. */
  readonly memory: readonly number[];
  readonly disk: readonly number[];
  /** The part of one processor that the merchant used during the flood. */
  readonly processor: number;
  /** Records in the store at the end. */
  readonly stored: Readonly<Record<string, number>>;
}

/** Floods a merchant with everything that a stranger can send, while one payer pays on. */
export async function flood(options: FloodOptions): Promise<FloodResult> {
  const shop = await openShop();
  const customer = await openCustomer(shop);
  // Its channel is what the flood asks invoices and forges payments for.
  const victim = await openCustomer(shop);
  for (let i = 0; i < 20; i++) await victim.buy();
  const loot: Loot = { offers: await offersOf(shop), channel: victim.channel, payments: victim.payments.slice(0, -1) };
  const quiet = await purchases(customer, options.pace, (count) => count < options.quiet);
  const [start, used] = [performance.now(), shop.processor()];
  const samples = { memory: [shop.memory()], disk: [shop.disk()] };
  const stop = new AbortController();
  const sampling = sampled(shop, samples, stop.signal);
  const dawdling = dawdlers(shop, options, stop.signal);
  const paying = purchases(customer, options.pace, () => !stop.signal.aborted);
  const fates = await attack(shop, loot, options);
  const seconds = (performance.now() - start) / 1000;
  const processor = (shop.processor() - used) / seconds;
  stop.abort();
  const flooded = await paying;
  await Promise.all([sampling, dawdling]);
  return { seconds, fates, quiet, flooded, ...samples, processor, stored: await shop.stop() };
}

async function offersOf({ url }: Shop): Promise<readonly Offer[]> {
  const offers: Offer[] = [];
  for (let i = 0; i < 20; i++) {
    const offer = await httpConnection(url).exchange({ kind: 'offer-request' });
    if (isRefusal(offer) || offer.kind !== 'offer') return assert.fail(offer.kind);
    offers.push(offer);
  }
  return offers;
}

async function purchases({ buy }: Customer, pace: number, goesOn: (count: number) => boolean): Promise<readonly number[]> {
  const times: number[] = [];
  do {
    times.push(await buy());
    await pause(pace);
  } while (goesOn(times.length));
  return times;
}

async function attack({ port }: Shop, loot: Loot, { requests, addresses, rate, note }: FloodOptions): Promise<Record<string, number>> {
  const kinds = Object.values(hostile);
  const fates: Record<string, number> = {};
  const start = performance.now();
  let sent = 0;
  const work = async (index: number): Promise<void> => {
    const attacker = new Attacker(port, `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`);
    while (sent < requests) {
      const number = sent++;
      if (number % 10_000 === 0) note?.(`\r${number} of ${requests} `);
      const ahead = rate === undefined ? 0 : start + (number * 1000) / rate - performance.now();
      if (ahead > 1) await pause(ahead);
      const fate: Fate = await attacker.send(kinds[Math.floor(Math.random() * kinds.length)]?.(loot) ?? '');
      fates[fate] = (fates[fate] ?? 0) + 1;
    }
    attacker.close();
  };
  await Promise.all(Array.from({ length: addresses }, (_, index) => work(index)));
  note?.('\r');
  return fates;
}

/** Keeps so many slow connections open, spread over addresses; who is hung up on comes back. */
async function dawdlers({ port }: Shop, { dawdlers: most }: FloodOptions, signal: AbortSignal): Promise<void> {
  const sockets = new Set<ReturnType<typeof dawdle>>();
  let opened = 0;
  while (!signal.aborted) {
    while (sockets.size < most) {
      const text = endless[opened % endless.length] ?? '';
      const socket = dawdle(port, `127.0.9.${1 + (opened++ % 250)}`, text);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    await pause(200, undefined, { signal }).catch(() => undefined);
  }
  for (const socket of sockets) socket.destroy();
}

async function sampled(shop: Shop, { memory, disk }: { memory: number[]; disk: number[] }, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(1_000, undefined, { signal }).catch(() => undefined);
    memory.push(shop.memory());
    disk.push(shop.disk());
  }
}
