import { type LruCache, lruCache } from '../core/base/lru.ts';
import type { Request as Message } from '../core/message/message.ts';

/** How much strangers may ask for. A request's price is what it costs the payee; see `COSTS`. */
export interface QuotaOptions {
  /** What one address may use at once. */
  readonly burst: number;
  /** What it gets back per second. */
  readonly perSecond: number;
  /** Addresses remembered; one that is forgotten starts again with a full quota. */
  readonly mostAddresses: number;
  /** The most bodies at the same time that are large, or do not declare their length. */
  readonly mostLarge: number;
}

/** For ever, per second: sixty failing payments, or six announcements; ten times that for a short time. */
export const USUAL_QUOTA: QuotaOptions = { burst: 600, perSecond: 60, mostAddresses: 20_000, mostLarge: 32 };

/** What costs quota: a message, over HTTP or bitcoinj's protocol; a signature under a refund, in bitcoinj's only; anything else. */
export type Charge = Message['kind'] | 'release' | 'other';

/**
 * An announcement may need the node, an offer derives a key, a release and an end are signed. A bad request costs as much as the kind it claims to
 * be.
 */
const COSTS: Readonly<Record<Charge, number>> = {
  'offer-request': 2,
  announce: 10,
  release: 2,
  'state-request': 2,
  'invoice-request': 2,
  payment: 2,
  end: 5,
  sync: 5,
  join: 5,
  'quote-request': 2,
  forward: 5,
  other: 1,
};

/** So many bytes of a body cost one more, because reading them takes as long as a cheap request. */
const BYTES_OF_ONE = 16 * 1024;

/** Requests that go before those of strangers, for each accepted payment; and the most of them that can be saved. */
const PRECEDENCE = 8;
const MOST_PRECEDENCE = 64;

/** Places for large bodies that one address can hold: a slow sender keeps its place as long as a request may take. */
const MOST_LARGE_OF_ADDRESS = 4;

interface Bucket {
  /** Below 0: debt. */
  tokens: number;
  at: number;
  /** Requests that need not queue. */
  precedence: number;
  /** Large bodies that are being received. */
  large: number;
}

/**
 * Token buckets by address. An accepted payment costs nothing, nor does the invoice before it: a payer that pays may continue as fast as it likes.
 * All tables have limits, so requests from many addresses can make it forget, but not grow.
 */
export class Quotas {
  readonly #options: QuotaOptions;
  /** Monotonic, in milliseconds. */
  readonly #now: () => number;
  readonly #buckets: LruCache<string, Bucket>;
  #large = 0;

  constructor(options: QuotaOptions = USUAL_QUOTA, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
    this.#buckets = lruCache(options.mostAddresses);
  }

  /** Takes the price of a request that may bring so many bytes. @returns 0, or the seconds until the quota is enough for it. */
  take(address: string, charge: Charge, bytes: number = 0): number {
    const cost = COSTS[charge] + Math.floor(bytes / BYTES_OF_ONE);
    const bucket = this.#bucket(address);
    if (bucket.tokens < cost) return Math.ceil((cost - bucket.tokens) / this.#options.perSecond);
    bucket.tokens -= cost;
    return 0;
  }

  /** Takes the price that a request turned out to have, even if the quota is too small: the rest becomes debt. */
  fine(address: string, charge: Charge): void {
    this.#bucket(address).tokens -= COSTS[charge];
  }

  /** Gives back the price of a payment that added something, and of its invoice. */
  settle(address: string): void {
    const bucket = this.#bucket(address);
    bucket.tokens = Math.min(this.#options.burst, bucket.tokens + COSTS.payment + COSTS['invoice-request']);
    bucket.precedence = Math.min(MOST_PRECEDENCE, bucket.precedence + PRECEDENCE);
  }

  /** Whether its next request goes before those of strangers: it has paid lately, and not asked for much since. */
  precedes(address: string): boolean {
    const bucket = this.#bucket(address);
    if (bucket.precedence === 0) return false;
    bucket.precedence--;
    return true;
  }

  /** Takes a place for a large body. @returns the function that gives it back; undefined when no place is free, at all or for this address. */
  enterLarge(address: string): (() => void) | undefined {
    const bucket = this.#bucket(address);
    if (this.#large >= this.#options.mostLarge || bucket.large >= MOST_LARGE_OF_ADDRESS) return undefined;
    this.#large++;
    bucket.large++;
    return () => {
      this.#large--;
      bucket.large--;
    };
  }

  #bucket(address: string): Bucket {
    const { burst, perSecond } = this.#options;
    const at = this.#now();
    const known = this.#buckets.get(address);
    if (known === undefined) {
      const fresh = { tokens: burst, at, precedence: 0, large: 0 };
      this.#buckets.set(address, fresh);
      return fresh;
    }
    known.tokens = Math.min(burst, known.tokens + ((at - known.at) / 1000) * perSecond);
    known.at = at;
    return known;
  }
}
