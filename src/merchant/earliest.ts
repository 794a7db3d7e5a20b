import type { Height } from '../core/base/height.ts';

/** A multiset of heights that knows its least one. It is looked for anew only after the last channel at it has gone. */
export class Earliest {
  readonly #counts = new Map<Height, number>();
  #first: Height | undefined;

  add(height: Height): void {
    this.#counts.set(height, (this.#counts.get(height) ?? 0) + 1);
    if (this.#first !== undefined && height < this.#first) this.#first = height;
  }

  remove(height: Height): void {
    const left = (this.#counts.get(height) ?? 0) - 1;
    if (left > 0) this.#counts.set(height, left);
    else this.#counts.delete(height);
    if (left <= 0 && height === this.#first) this.#first = undefined;
  }

  /** Undefined when there is none. */
  get first(): Height | undefined {
    if (this.#first === undefined) for (const height of this.#counts.keys()) this.#first = lesser(this.#first, height);
    return this.#first;
  }
}

function lesser(a: Height | undefined, b: Height): Height {
  return a === undefined || b < a ? b : a;
}
