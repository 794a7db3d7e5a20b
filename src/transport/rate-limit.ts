import { type LruCache, lruCache } from '../core/base/lru.ts';
import type { Request as Message } from '../core/message/message.ts';

/** How much strangers may ask for. Requests cost what they cost the payee; see `COSTS`. */
export interface QuotaOptions {
  /** What one address may ask for at once. */
  readonly burst: number;
  /** What it gets back in a second. */
  readonly perSecond: number;
  /** Addresses remembered; one that is forgotten starts anew. */
  readonly mostAddresses: number;
  /** Bodies at once that are large, or do not say how long they are. */
  readonly mostLarge: number;
}

/** Sixty failing payments, or six announcements, a second for ever; ten times that for a while. */
export const USUAL_QUOTA: QuotaOptions = { burst: 600, perSecond: 60, mostAddresses: 20_000, mostLarge: 32 };

/** What is paid for: a message, over HTTP or bitcoinj's protocol; a signature under a refund, which only the latter has; anything else. */
export type Charge = Message['kind'] | 'release' | 'other';

/** An announcement may have the node asked, an offer derives a key, a release and an end are signed; junk costs what it passes itself off as. */
const COSTS: Readonly<Record<Charge, number>> = {
  'offer-request': 2,
  announce: 10,
  release: 2,
  'state-request': 2,
  'invoice-request': 2,
  payment: 2,
  end: 5,
  other: 1,
};

/** Each so many bytes of a body cost one more: reading them takes as long as a cheap request. */
const BYTES_OF_ONE = 16 * 1024;

/** Requests that go before those of strangers, for each payment that is taken; and how many of them can be saved up. */
const PRECEDENCE = 8;
const MOST_PRECEDENCE = 64;

/** Places for large bodies that one address can hold: slow senders keep theirs for as long as a request may take. */
const MOST_LARGE_OF_ADDRESS = 4;

interface Bucket {
  /** Below 0 is owed. */
  tokens: number;
  at: number;
  /** Requests that need not queue. */
  precedence: number;
  /** Large bodies that are coming in. */
  large: number;
}

/**
 * Token buckets by address. A payment that is taken costs nothing, nor does the invoice before it: who pays may go on as fast as he likes. All tables
 * are bounded, so a flood from many addresses can make it forget, but not grow.
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

  /** Takes what a request costs that may bring so many bytes. @returns 0, or in how many seconds there is enough for it. */
  take(address: string, charge: Charge, bytes: number = 0): number {
    const cost = COSTS[charge] + Math.floor(bytes / BYTES_OF_ONE);
    const bucket = this.#bucket(address);
    if (bucket.tokens < cost) return Math.ceil((cost - bucket.tokens) / this.#options.perSecond);
    bucket.tokens -= cost;
    return 0;
  }

  /** Takes what a request has turned out to cost, even if there is not as much: the rest is owed. */
  fine(address: string, charge: Charge): void {
    this.#bucket(address).tokens -= COSTS[charge];
  }

  /** Gives back what a payment that added something cost, and its invoice. */
  settle(address: string): void {
    const bucket = this.#bucket(address);
    bucket.tokens = Math.min(this.#options.burst, bucket.tokens + COSTS.payment + COSTS['invoice-request']);
    bucket.precedence = Math.min(MOST_PRECEDENCE, bucket.precedence + PRECEDENCE);
  }

  /** Whether its next request comes before those of strangers: it has paid lately, and not asked for much since. */
  precedes(address: string): boolean {
    const bucket = this.#bucket(address);
    if (bucket.precedence === 0) return false;
    bucket.precedence--;
    return true;
  }

  /** Takes a place for a large body. @returns what gives it back; undefined when there is none, at all or for this address. */
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
