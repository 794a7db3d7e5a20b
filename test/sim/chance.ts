/** The one source of chance of a world: the same seed and number give the same draws for ever. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: number, world: number) {
    this.#a = seed | 0;
    this.#b = world | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < 15; i++) this.#next();
  }

  /** sfc32: 128 bits of state, passes the usual batteries. */
  #next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    return t >>> 0;
  }

  /** 0 … below - 1. */
  int(below: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * below);
  }

  /** from … to, both included. */
  between(from: number, to: number): number {
    return from + this.int(to - from + 1);
  }

  /** True with probability `p`. Draws nothing when the answer is certain. */
  happens(p: number): boolean {
    if (p <= 0) return false;
    return p >= 1 || this.#next() / 0x1_0000_0000 < p;
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.int(from.length)] ?? from[0];
  }

  pickAny<T>(from: readonly T[]): T | undefined {
    return from[this.int(from.length)];
  }

  /** A key of `weights`, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = (this.#next() / 0x1_0000_0000) * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    throw new Error('nothing to choose from');
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(256));
  }
}
