import { WorldError } from '../engine/ports.ts';

/** Bytes of the length before a body, big-endian. */
const HEAD = 4;
/** Bytes reserved for a body before any of it has arrived. */
const FIRST_BYTES = 512;

/** The length and the body in one piece, so that they are sent in one write. */
export function encodeFrame(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEAD + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, HEAD);
  return frame;
}

/** Splits a stream of bytes, in chunks of any size, into the bodies of its frames. Holds at most twice the bytes that have arrived of one frame. */
export class FrameReader {
  readonly #most: number;
  readonly #head: Uint8Array = new Uint8Array(HEAD);
  #headFilled = 0;
  #length = 0;
  #body: Uint8Array = new Uint8Array(0);
  #bodyFilled = 0;

  /** @param most the most bytes that a body may have. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether a frame has begun and not ended. */
  get isWithin(): boolean {
    return this.#headFilled > 0;
  }

  /**
   * The bodies that `chunk` completes, one at a time: each is read only when asked for. Read it to its end before the next call. @throws WorldError
   * `peer-nonsense` at a length that is too large, or negative; nothing after it can be read.
   */
  *read(chunk: Uint8Array): Generator<Uint8Array, void> {
    let rest = chunk;
    while (rest.length > 0) {
      rest = this.#headFilled < HEAD ? this.#takeHead(rest) : this.#takeBody(rest);
      if (this.#headFilled < HEAD || this.#bodyFilled < this.#length) continue;
      // Exactly as long as the body: the buffer does not grow beyond that.
      const body = this.#body;
      this.#headFilled = 0;
      this.#body = new Uint8Array(0);
      this.#bodyFilled = 0;
      yield body;
    }
  }

  #takeHead(bytes: Uint8Array): Uint8Array {
    const taken = bytes.subarray(0, HEAD - this.#headFilled);
    this.#head.set(taken, this.#headFilled);
    this.#headFilled += taken.length;
    if (this.#headFilled === HEAD) {
      this.#length = new DataView(this.#head.buffer).getUint32(0);
      if (this.#length > this.#most) {
        throw new WorldError(
          'peer-nonsense',
          `The peer announced a message of ${this.#length} bytes; ${this.#most} are allowed.`,
          'Check that the address is that of a peer which speaks this protocol.',
        );
      }
    }
    return bytes.subarray(taken.length);
  }

  #takeBody(bytes: Uint8Array): Uint8Array {
    const taken = bytes.subarray(0, this.#length - this.#bodyFilled);
    const needed = this.#bodyFilled + taken.length;
    if (needed > this.#body.length) this.#grow(needed);
    this.#body.set(taken, this.#bodyFilled);
    this.#bodyFilled = needed;
    return bytes.subarray(taken.length);
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.min(this.#length, Math.max(needed, 2 * this.#body.length, FIRST_BYTES)));
    grown.set(this.#body.subarray(0, this.#bodyFilled));
    this.#body = grown;
  }
}
