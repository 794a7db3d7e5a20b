import type { Timers } from '../engine/ports.ts';

/** How long something may be waited for: runs while it is, and calls when it has run out. */
export class Timeout {
  readonly #timers: Timers;
  readonly #onEnd: (milliseconds: number) => void;
  #limit: number | undefined;
  #wait: { readonly cancel: () => void } | undefined;

  /** @param limit milliseconds; undefined waits for ever. `onEnd` is told how long it was. */
  constructor(timers: Timers, limit: number | undefined, onEnd: (milliseconds: number) => void) {
    this.#timers = timers;
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  /** Waits from now on; no more than before when it does already. */
  begin(): void {
    this.#wait ??= { cancel: this.#arm() };
  }

  end(): void {
    this.#wait?.cancel();
    this.#wait = undefined;
  }

  /** Another limit, from now on if it waits. */
  set(limit: number | undefined): void {
    this.#limit = limit;
    if (this.#wait === undefined) return;
    this.end();
    this.begin();
  }

  #arm(): () => void {
    const limit = this.#limit;
    if (limit === undefined) return () => undefined;
    return this.#timers.after(limit, () => {
      this.#wait = undefined;
      this.#onEnd(limit);
    });
  }
}
