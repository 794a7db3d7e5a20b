/** Reads ahead of a slow reader, which then gets everything that has arrived meanwhile together. */
export class ReadAhead<T> {
  readonly #most: number;
  readonly #weigh: (item: T) => number;
  #items: T[] = [];
  #weight = 0;
  #end: { readonly kind: 'open' | 'done' } | { readonly kind: 'failed'; readonly error: unknown } = { kind: 'open' };
  #wake: () => void = () => undefined;
  #goOn: () => void = () => undefined;

  /** @param most how much is read ahead, by weight (1 for every item unless `weigh` is given); at this limit the rest stays at the source. */
  constructor(source: AsyncIterable<T>, most: number, weigh: (item: T) => number = () => 1) {
    this.#most = most;
    this.#weigh = weigh;
    void this.#read(source);
  }

  /**
   * Everything that has arrived since the last call, as soon as there is something; empty when the source has ended. @throws what the source threw,
   * after all that came before.
   */
  async next(): Promise<readonly T[]> {
    if (this.#items.length === 0 && this.#end.kind === 'open') {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const items = this.#items;
    if (items.length === 0 && this.#end.kind === 'failed') throw this.#end.error;
    this.#items = [];
    this.#weight = 0;
    this.#goOn();
    return items;
  }

  async #read(source: AsyncIterable<T>): Promise<void> {
    try {
      for await (const item of source) {
        this.#items.push(item);
        this.#weight += this.#weigh(item);
        this.#wake();
        if (this.#weight >= this.#most) await this.#room();
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
