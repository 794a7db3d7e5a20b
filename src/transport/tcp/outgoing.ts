import type { Writable } from 'node:stream';
import { encodeFrame } from '../frame.ts';
import type { Timeout } from '../timeout.ts';

/** Bytes that are sent together: as many as one system call surely handles quickly. */
const MOST_GATHERED = 64 * 1024;

export interface OutgoingOptions {
  readonly mostBytes: number;
  /** Bytes that may wait for a peer that does not read. */
  readonly mostUnsent: number;
}

/** Messages to one peer: whole frames, of which at most `mostUnsent` bytes are stored. */
export class Outgoing {
  readonly #sink: Writable;
  readonly #options: OutgoingOptions;
  readonly #stall: Timeout;
  readonly #gone: (cause?: unknown) => Error;

  /** @param stall runs while the system has not taken everything. @param gone makes the error for what can't be sent any more. */
  constructor(sink: Writable, options: OutgoingOptions, stall: Timeout, gone: (cause?: unknown) => Error) {
    this.#sink = sink;
    this.#options = options;
    this.#stall = stall;
    this.#gone = gone;
  }

  async send(body: Uint8Array): Promise<void> {
    const { mostBytes } = this.#options;
    if (body.length > mostBytes) throw new RangeError(`The message has ${body.length} bytes; ${mostBytes} are allowed.`);
    if (!this.#sink.writable) throw this.#gone(this.#sink.errored ?? undefined);
    this.#gather();
    const written = this.#write(encodeFrame(body));
    if (this.#sink.writableLength > MOST_GATHERED) this.#flush();
    await written;
  }

  /** Messages that are sent together leave together: one system call for all of them. */
  #gather(): void {
    if (this.#sink.writableCorked > 0) return;
    this.#sink.cork();
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#sink.uncork();
    const { mostUnsent } = this.#options;
    if (this.#sink.writableLength > mostUnsent) this.#sink.destroy(new Error(`it left more than ${mostUnsent} bytes unread`));
    else if (this.#sink.writableLength > 0) this.#stall.begin();
  }

  #write(frame: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sink.write(frame, (error) => {
        this.#stall.end();
        if (this.#sink.writableLength > 0 && !this.#sink.destroyed) this.#stall.begin();
        if (error) reject(this.#gone(error));
        else resolve();
      });
    });
  }
}
