import type { Writable } from 'node:stream';
import { encodeFrame } from '../frame.ts';
import type { Patience } from '../patience.ts';

export interface OutgoingOptions {
  /** Bytes that a body may have. */
  readonly mostBytes: number;
  /** Bytes that may wait for a peer that does not read. */
  readonly mostUnsent: number;
}

/** What is said to one peer: one write a frame, and no more of them kept than `mostUnsent`. */
export class Outgoing {
  readonly #sink: Writable;
  readonly #options: OutgoingOptions;
  readonly #stall: Patience;
  readonly #gone: (cause?: unknown) => Error;

  /** @param stall runs while something waits that the system has not taken. @param gone makes the error for what can't be sent any more. */
  constructor(sink: Writable, options: OutgoingOptions, stall: Patience, gone: (cause?: unknown) => Error) {
    this.#sink = sink;
    this.#options = options;
    this.#stall = stall;
    this.#gone = gone;
    sink.once('close', () => stall.end());
  }

  async send(body: Uint8Array): Promise<void> {
    const { mostBytes, mostUnsent } = this.#options;
    if (body.length > mostBytes) throw new RangeError(`A message of ${body.length} bytes; ${mostBytes} are the most.`);
    if (!this.#sink.writable) throw this.#gone(this.#sink.errored ?? undefined);
    const written = this.#write(encodeFrame(body));
    if (this.#sink.writableLength > mostUnsent) this.#sink.destroy(new Error(`it left more than ${mostUnsent} bytes unread`));
    else if (this.#sink.writableLength > 0) this.#stall.begin();
    await written;
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
