import type { Socket } from 'node:net';
import { clientOf } from './client-address.ts';

export interface ConnectionLimitOptions {
  /**
   * Connections at the same time. When all places are taken, the oldest connection that has proved nothing is closed; when all have proved something,
   * the new one is dropped.
   */
  readonly mostConnections: number;
  /** Connections of one address; further ones are dropped, so that nobody can take all places. */
  readonly mostPerAddress: number;
}

/** Places for the connections of a server. */
export class ConnectionLimit {
  readonly #options: ConnectionLimitOptions;
  /** In order of arrival. */
  readonly #strangers = new Set<Socket>();
  readonly #known = new Set<Socket>();
  readonly #counts = new Map<string, number>();

  constructor(options: ConnectionLimitOptions) {
    this.#options = options;
  }

  /** Gives a connection a place until it is closed. False if there is none; then it is dropped. */
  take(socket: Socket): boolean {
    const { mostConnections, mostPerAddress } = this.#options;
    const address = clientOf(socket.remoteAddress ?? '');
    const count = this.#counts.get(address) ?? 0;
    if (count >= mostPerAddress || (this.#size >= mostConnections && !this.#sendAway())) {
      socket.destroy();
      return false;
    }
    this.#counts.set(address, count + 1);
    this.#strangers.add(socket);
    socket.once('close', () => this.#leave(socket, address));
    return true;
  }

  /** It has proved a key, or paid: it is not closed for strangers any more. */
  keep(socket: Socket): void {
    if (this.#strangers.delete(socket)) this.#known.add(socket);
  }

  get #size(): number {
    return this.#strangers.size + this.#known.size;
  }

  #sendAway(): boolean {
    const [first] = this.#strangers;
    if (first === undefined) return false;
    this.#strangers.delete(first);
    first.destroy();
    return true;
  }

  #leave(socket: Socket, address: string): void {
    this.#strangers.delete(socket);
    this.#known.delete(socket);
    const left = (this.#counts.get(address) ?? 0) - 1;
    if (left > 0) this.#counts.set(address, left);
    else this.#counts.delete(address);
  }
}
