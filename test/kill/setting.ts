import { flushCompileCache } from 'node:module';
import { z } from 'zod';
import { type Amount, amount } from '../../src/core/base/amount.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import type { Clock, Random, Store } from '../../src/engine/ports.ts';
import type { PriceList } from '../../src/merchant/invoice.ts';
import { defaultTerms, type MerchantTerms } from '../../src/merchant/terms.ts';

// What the killed programs and the one that watches them agree on.

export const coin: Coin = dogecoinRegtest;
export const PRICE: Amount = amount(coin.policy.dust / 10n);
export const DEPOSIT: Amount = amount(coin.policy.dust * 1_000n);
export const ITEM = 'tea';
export const prices: PriceList = new Map([[ITEM, { text: 'A cup of tea', price: PRICE }]]);
/** Height of the chain before anybody has money: from here on it enforces CLTV. */
export const START = 1_400;
/** Blocks that a channel lives beyond the least. */
export const LIFETIME = 40;
export const terms: MerchantTerms = {
  ...defaultTerms(coin),
  closingMargin: 20,
  minLifetime: 30,
  depth: [{ upTo: amount(10n ** 18n), blocks: 2 }],
};
export const random: Random = { bytes: (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length)) };
export const clock: Clock = { now: Date.now };

export type Role = 'payer' | 'merchant';
export const roles: readonly Role[] = ['payer', 'merchant'];

/** The order to begin. */
export interface Go {
  readonly kind: 'go';
  readonly store: string;
  readonly node: string;
  /** Where the merchant is, for a payer. */
  readonly merchant: string;
  /** Hex. */
  readonly seed: string;
  /** Hex. */
  readonly payeeScript: string;
  /** Says that a state is stored before it is. */
  readonly isHasty: boolean;
}

/** What a program is told. `settle`: open no channels any more, and bring those that there are to their end. */
export type Order = Go | { readonly kind: 'settle' };

/** What a program tells. */
export type News =
  /** Its code is there; it waits for its order. */
  | { readonly kind: 'loaded' }
  | { readonly kind: 'running'; readonly url: string }
  /** It has read the chain up to a height; so many channels have not ended. */
  | { readonly kind: 'looked'; readonly height: number; readonly unended: number };

const order: z.ZodType<Order> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('go'),
    store: z.string(),
    node: z.string(),
    merchant: z.string(),
    seed: z.string(),
    payeeScript: z.string(),
    isHasty: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('settle') }),
]);

const news: z.ZodType<News> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('loaded') }),
  z.strictObject({ kind: z.literal('running'), url: z.string() }),
  z.strictObject({ kind: z.literal('looked'), height: z.number(), unended: z.number() }),
]);

export function readNews(message: unknown): News {
  return news.parse(message);
}

export function tell(message: News): void {
  process.send?.(message);
}

/** The orders of the program that this process is. It ends with whoever watches it. */
export function onOrder(take: (message: Order) => void): void {
  process.on('message', (message) => take(order.parse(message)));
  process.on('disconnect', () => process.exit(1));
  // It is usually written when a process ends, and these never do.
  flushCompileCache();
  tell({ kind: 'loaded' });
}

/** Milliseconds by which a hasty store is late. */
const LATE = 40;

/** The planted fault: channels are stored a moment after everybody was told that they are. */
export function hasty(store: Store): Store {
  return {
    ...store,
    commit: async (writes) => {
      if (!writes.some(({ kind }) => kind.endsWith('-channel'))) return store.commit(writes);
      setTimeout(() => void store.commit(writes), LATE);
      return true;
    },
  };
}
