import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { Offer } from '../../src/core/message/message.ts';
import { httpConnection } from '../../src/transport/http/client.ts';
import { hostile, type Loot } from './requests.ts';
import { type Customer, openCustomer, openShop, type Shop } from './shop.ts';

export interface FloodOptions extends AttackOptions {
  /** Purchases of the honest payer before the flood, and the milliseconds between two of them. */
  readonly quiet: number;
  readonly pace: number;
  readonly note?: (text: string) => void;
}

/** What can be told to another thread. */
export interface AttackOptions {
  readonly requests: number;
  readonly addresses: number;
  /** Requests a second at most; as fast as they are answered unless given. */
  readonly rate?: number;
  /** Connections that never say anything whole, at any time. */
  readonly dawdlers: number;
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
  const paying = purchases(customer, options.pace, () => !stop.signal.aborted);
  const fates = await attack(shop, loot, options);
  const seconds = (performance.now() - start) / 1000;
  const processor = (shop.processor() - used) / seconds;
  stop.abort();
  const flooded = await paying;
  await sampling;
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

/** Requests made beforehand: what it takes to make them is not the merchant's affair. */
const POOL = 3_000;

/** The flood has a thread of its own, so that the payer's answers do not wait behind it. */
async function attack(
  { port }: Shop,
  loot: Loot,
  { note, requests, addresses, rate, dawdlers }: FloodOptions,
): Promise<Readonly<Record<string, number>>> {
  const kinds = Object.values(hostile);
  const pool = Array.from({ length: POOL }, (_, index) => kinds[index % kinds.length]?.(loot) ?? '');
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { requests, addresses, rate, dawdlers, port, pool } });
  worker.on('message', ({ sent }: { readonly sent: number }) => note?.(`\r${sent} of ${requests} `));
  const ended = once(worker, 'exit');
  const fates = await new Promise<Readonly<Record<string, number>>>((resolve, reject) => {
    worker.on('message', ({ fates: all }: { readonly fates?: Readonly<Record<string, number>> }) => all && resolve(all));
    worker.once('error', reject);
  });
  await ended;
  note?.('\r');
  return fates;
}

async function sampled(shop: Shop, { memory, disk }: { memory: number[]; disk: number[] }, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(1_000, undefined, { signal }).catch(() => undefined);
    memory.push(shop.memory());
    disk.push(shop.disk());
  }
}
