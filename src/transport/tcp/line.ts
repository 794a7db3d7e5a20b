import type { Socket } from 'node:net';
import { MAX_BITCOINJ_BYTES } from '../../core/message/bitcoinj/message.ts';
import { type Line, type Timers, WorldError } from '../../engine/ports.ts';
import { FrameReader } from '../frame.ts';
import { Timeout } from '../timeout.ts';
import { systemTimers } from '../timers.ts';
import { Incoming } from './incoming.ts';
import { Outgoing } from './outgoing.ts';

export interface LineOptions {
  /** Bytes that a message may have, either way; 32,767 unless given, as in bitcoinj. */
  readonly mostBytes?: number;
  /** Bytes that may wait for a peer that does not read; with more it is dropped. 1 MiB unless given. */
  readonly mostUnsent?: number;
  /** Initial value for `setIdle`; 30,000 unless given. */
  readonly idle?: number | undefined;
  /** Milliseconds in which a peer must read some of what waits for it, otherwise it is dropped; 30,000 unless given. */
  readonly stall?: number;
  /** Milliseconds that the peer has to end its side after this one has; 10,000 unless given. */
  readonly linger?: number;
  readonly timers?: Timers;
}

export const SOCKET_OPTIONS = {
  // Small writes are sent at once, even if the last one is not acknowledged.
  noDelay: true,
  // A peer that has ended its side is still answered.
  allowHalfOpen: true,
  // An open channel may be silent for days; the system detects a peer that is gone.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;

/** A line over one connected socket. */
export class TcpLine implements Line {
  readonly remote: string;
  readonly frames: AsyncIterable<Uint8Array>;
  readonly #socket: Socket;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  readonly #idle: Timeout;
  readonly #linger: Timeout;
  readonly #closed: Promise<void>;

  constructor(socket: Socket, options: LineOptions = {}) {
    const { mostBytes = MAX_BITCOINJ_BYTES, mostUnsent = 1024 * 1024, stall = 30_000, linger = 10_000, timers = systemTimers } = options;
    const idle = 'idle' in options ? options.idle : 30_000;
    this.remote = socket.remoteAddress ?? '';
    this.#socket = socket;
    this.#idle = new Timeout(timers, idle, (milliseconds) => this.#giveUp(milliseconds));
    this.#linger = new Timeout(timers, linger, () => socket.destroy());
    const gone = (cause?: unknown): WorldError => unreachable(`The line to ${this.remote} is closed`, cause);
    const unread = new Timeout(timers, stall, (milliseconds) => {
      socket.destroy(new Error(`it read nothing for ${milliseconds} ms`));
    });
    this.#outgoing = new Outgoing(socket, { mostBytes, mostUnsent }, unread, gone);
    this.#incoming = new Incoming(socket, new FrameReader(mostBytes), this.#idle, gone);
    this.frames = this.#incoming;
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#linger.end();
        resolve();
      });
    });
  }

  send(body: Uint8Array): Promise<void> {
    return this.#outgoing.send(body);
  }

  setIdle(milliseconds: number | undefined): void {
    this.#idle.set(milliseconds);
  }

  /** Gives no more messages, as if the peer had ended; what was sent still goes out. */
  hush(): void {
    this.#incoming.stop();
  }

  close(): Promise<void> {
    this.#incoming.discard();
    this.#socket.end(() => {
      if (!this.#socket.closed) this.#linger.begin();
    });
    return this.#closed;
  }

  #giveUp(milliseconds: number): void {
    this.#incoming.stop(unreachable(`${this.remote} has said nothing whole for ${milliseconds} ms`));
    void this.close();
  }
}

/** @param what a sentence without its full stop. */
export function unreachable(what: string, cause?: unknown): WorldError {
  return new WorldError('peer-unreachable', `${what}${reasonOf(cause)}.`, 'Connect again; what was agreed before holds.', cause);
}

/** When several addresses failed, Node's error has an empty message. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return '';
  const { message, code = '' }: Error & { code?: string } = cause;
  return `: ${message || code}`;
}
