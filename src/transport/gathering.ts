/** Reads ahead of whoever works through something slowly, who then finds all that has come meanwhile together. */
export class Gathering<T> {
  readonly #most: number;
  #items: T[] = [];
  #end: { readonly kind: 'open' | 'done' } | { readonly kind: 'failed'; readonly error: unknown } = { kind: 'open' };
  #wake: () => void = () => undefined;
  #goOn: () => void = () => undefined;

  /** @param most how many are read ahead; what is beyond stays at the source. */
  constructor(source: AsyncIterable<T>, most: number) {
    this.#most = most;
    void this.#read(source);
  }

  /** All that has come since, once there is anything; nothing when the source has ended. @throws what the source threw, after all that came before. */
  async next(): Promise<readonly T[]> {
    if (this.#items.length === 0 && this.#end.kind === 'open') {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const items = this.#items;
    if (items.length === 0 && this.#end.kind === 'failed') throw this.#end.error;
    this.#items = [];
    this.#goOn();
    return items;
  }

  async #read(source: AsyncIterable<T>): Promise<void> {
    try {
      for await (const item of source) {
        this.#items.push(item);
        this.#wake();
        if (this.#items.length >= this.#most) await this.#room();
      }
      this.#end = { kind: 'done' };
    } catch (error) {
      this.#end = { kind: 'failed', error };
    }
    this.#wake();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#goOn = resolve;
    });
  }
}
