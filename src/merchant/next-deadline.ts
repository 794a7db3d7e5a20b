import { isTime, type LockTime } from '../core/base/height.ts';

/** A multiset of lock times with its least height and its least time. A minimum is searched for again only when its last channel has gone. */
export class NextDeadlines {
  readonly #heights = new Multiset();
  readonly #times = new Multiset();

  add(lock: LockTime): void {
    this.#of(lock).add(lock);
  }

  remove(lock: LockTime): void {
    this.#of(lock).remove(lock);
  }

  /** None, one, or two: heights and times can't be compared. */
  get first(): readonly LockTime[] {
    return [this.#heights, this.#times].flatMap(({ first }) => first ?? []);
  }

  #of(lock: LockTime): Multiset {
    return isTime(lock) ? this.#times : this.#heights;
  }
}

class Multiset {
  readonly #counts = new Map<LockTime, number>();
  #first: LockTime | undefined;

  add(lock: LockTime): void {
    this.#counts.set(lock, (this.#counts.get(lock) ?? 0) + 1);
    if (this.#first !== undefined && lock < this.#first) this.#first = lock;
  }

  remove(lock: LockTime): void {
    const left = (this.#counts.get(lock) ?? 0) - 1;
    if (left > 0) this.#counts.set(lock, left);
    else this.#counts.delete(lock);
    if (left <= 0 && lock === this.#first) this.#first = undefined;
  }

  get first(): LockTime | undefined {
    if (this.#first === undefined) for (const lock of this.#counts.keys()) this.#first = lesser(this.#first, lock);
    return this.#first;
  }
}

function lesser(a: LockTime | undefined, b: LockTime): LockTime {
  return a === undefined || b < a ? b : a;
}
