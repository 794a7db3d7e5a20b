/**
 * Cuts a stream of bytes into frames: each four bytes of length, then so many of body. Not the reader in src/transport on purpose: what is
 * noted of bitcoinj's conversations, and heard of pawment, must not depend on the code that it is held against.
 */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  /** The bodies that `bytes` completes. */
  take(bytes: Buffer): Uint8Array[] {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    const bodies: Uint8Array[] = [];
    while (this.#pending.length >= 4 && this.#pending.length >= 4 + this.#pending.readUInt32BE(0)) {
      const end = 4 + this.#pending.readUInt32BE(0);
      bodies.push(Uint8Array.from(this.#pending.subarray(4, end)));
      this.#pending = this.#pending.subarray(end);
    }
    return bodies;
  }
}
