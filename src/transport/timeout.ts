import type { Timers } from '../engine/ports.ts';

/** A limit for waiting: it runs while something is waited for, and calls a function when the time is over. */
export class Timeout {
  readonly #timers: Timers;
  readonly #onEnd: (milliseconds: number) => void;
  #limit: number | undefined;
  #wait: { readonly cancel: () => void } | undefined;

  /** @param limit milliseconds; undefined waits for ever. `onEnd` gets the length of the wait. */
  constructor(timers: Timers, limit: number | undefined, onEnd: (milliseconds: number) => void) {
    this.#timers = timers;
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  /** Starts the wait; does nothing when it is running already. */
  begin(): void {
    this.#wait ??= { cancel: this.#arm() };
  }

  end(): void {
    this.#wait?.cancel();
    this.#wait = undefined;
  }

  /** Changes the limit; a running wait starts again. */
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
