import type { Readable } from 'node:stream';
import type { FrameReader } from '../frame.ts';
import type { Timeout } from '../timeout.ts';

type End = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly error: Error };

const DONE: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };
const NOTHING: Iterator<Uint8Array, void> = [].values();

/**
 * The frames of a stream of bytes. Reads from the stream only what is asked for, so that the sender is slowed down when nobody reads. Frames that
 * were complete before the stream broke are still given.
 */
export class Incoming implements AsyncIterable<Uint8Array> {
  readonly #source: Readable;
  readonly #reader: FrameReader;
  readonly #idle: Timeout;
  readonly #broken: (cause?: unknown) => Error;
  #frames: Iterator<Uint8Array, void> = NOTHING;
  #end: End | undefined;
  #more: Promise<void> | undefined;
  #wake: () => void = () => undefined;
  readonly #onNews = (): void => this.#wake();

  /** @param idle runs while a frame is waited for. @param broken makes the error for a stream that ended in the wrong way. */
  constructor(source: Readable, reader: FrameReader, idle: Timeout, broken: (cause?: unknown) => Error) {
    this.#source = source;
    this.#reader = reader;
    this.#idle = idle;
    this.#broken = broken;
    source.on('readable', this.#onNews);
    source.once('end', this.#onNews);
    source.once('close', this.#onNews);
    // `errored` reports it once everything before it is read.
    source.on('error', () => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    // Without `return`, so that a loop may be left and continued later.
    return { next: () => this.#next() };
  }

  /** Gives nothing more: from now on it has ended, or failed with `error`. Later data is thrown away. */
  stop(error?: Error): void {
    if (this.#end === undefined) this.#finish(error === undefined ? { kind: 'done' } : { kind: 'failed', error });
    this.#wake();
  }

  /** Reads and drops what still arrives: closing with unread bytes resets the connection, and data that was sent would be lost. */
  discard(): void {
    this.stop();
    // Removing the listener would stop a flowing stream: it would assume that nobody reads any more.
    if (!this.#source.listeners('readable').includes(this.#onNews)) return;
    this.#source.off('readable', this.#onNews);
    this.#source.resume();
  }

  async #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (this.#end === undefined) {
      const frame = this.#take();
      if (frame !== undefined) {
        this.#idle.end();
        return { value: frame };
      }
      if (this.#end === undefined) await this.#wait();
    }
    if (this.#end.kind === 'failed') throw this.#end.error;
    return DONE;
  }

  /** The next frame of what has arrived. */
  #take(): Uint8Array | undefined {
    for (;;) {
      const frame = this.#cut();
      if (frame !== undefined || this.#end !== undefined) return frame;
      const chunk: unknown = this.#source.read();
      if (chunk instanceof Uint8Array) this.#frames = this.#reader.read(chunk);
      else return this.#atEnd();
    }
  }

  #cut(): Uint8Array | undefined {
    try {
      return this.#frames.next().value ?? undefined;
    } catch (error) {
      this.stop(error instanceof Error ? error : this.#broken(error));
      return undefined;
    }
  }

  #atEnd(): undefined {
    const { readableEnded, closed, errored } = this.#source;
    if (readableEnded) this.stop(this.#reader.isWithin ? this.#broken(new Error('it ended within a message')) : undefined);
    else if (closed) this.stop(this.#broken(errored ?? undefined));
  }

  async #wait(): Promise<void> {
    this.#idle.begin();
    this.#more ??= new Promise((resolve) => {
      this.#wake = () => {
        this.#more = undefined;
        resolve();
      };
    });
    await this.#more;
  }

  #finish(end: End): void {
    this.#end = end;
    this.#frames = NOTHING;
    this.#idle.end();
  }
}
