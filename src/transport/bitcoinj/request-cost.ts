import { refuse } from '../../core/base/refusal.ts';
import { clientOf } from '../client-address.ts';
import type { Charge, Quotas } from '../rate-limit.ts';
import { type CloseReason, refused } from './close-reason.ts';

/** What one client's address pays for its requests, as over HTTP; nothing where there are no quotas. */
export class RequestCost {
  readonly #address: string;
  readonly #quotas: Quotas | undefined;

  /** @param remote address of the client. */
  constructor(remote: string, quotas: Quotas | undefined) {
    this.#address = clientOf(remote);
    this.#quotas = quotas;
  }

  /** Called before a request is handled. @returns how the connection ends when the quota is not enough for it. */
  take(charge: Charge, bytes: number = 0): CloseReason | undefined {
    const seconds = this.#quotas?.take(this.#address, charge, bytes) ?? 0;
    return seconds === 0 ? undefined : refused(refuse('too-many', { seconds }));
  }

  /** For a refused payment. An accepted one costs nothing, so an open channel is never delayed by other requests from its address. */
  fine(): void {
    this.#quotas?.fine(this.#address, 'payment');
  }
}
