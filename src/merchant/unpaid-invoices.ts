import type { ChannelId } from '../core/base/bytes.ts';

/** An invoice that nobody has paid yet. */
export interface Unpaid {
  readonly id: string;
  readonly channel: ChannelId;
  /** Unix time in milliseconds. */
  readonly expires: number;
}

const MOST_OF_CHANNEL = 64;
const MOST = 200_000;

/**
 * Unpaid invoices in the order of issue, which is the order of expiry, except for those of earlier runs. Their number has a limit for each channel
 * and for all together.
 */
export class UnpaidInvoices {
  readonly #all = new Map<string, Unpaid>();
  readonly #byChannel = new Map<ChannelId, Set<string>>();

  /** @returns those that have to be dropped, the oldest first. */
  add(invoice: Unpaid): readonly Unpaid[] {
    this.#all.set(invoice.id, invoice);
    const own = this.#byChannel.get(invoice.channel) ?? new Set();
    this.#byChannel.set(invoice.channel, own.add(invoice.id));
    const [oldestOwn] = own.size > MOST_OF_CHANNEL ? own : [];
    const [oldest] = this.#all.size > MOST ? this.#all.keys() : [];
    return [...new Set([oldestOwn, oldest])].flatMap((id) => this.#take(id));
  }

  delete(id: string): void {
    this.#take(id);
  }

  takeExpired(now: number): readonly Unpaid[] {
    const expired: Unpaid[] = [];
    for (const invoice of this.#all.values()) {
      if (invoice.expires >= now) break;
      expired.push(invoice);
    }
    for (const { id } of expired) this.#take(id);
    return expired;
  }

  #take(id: string | undefined): readonly Unpaid[] {
    const invoice = id === undefined ? undefined : this.#all.get(id);
    if (invoice === undefined) return [];
    this.#all.delete(invoice.id);
    const own = this.#byChannel.get(invoice.channel);
    own?.delete(invoice.id);
    if (own?.size === 0) this.#byChannel.delete(invoice.channel);
    return [invoice];
  }
}
