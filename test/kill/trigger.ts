import { setTimeout as pause } from 'node:timers/promises';

/** A small generator of numbers that a seed decides (mulberry32): when to kill is drawn from it. How far the programs have come by then is not. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit;
  }
}

/** What a program is seen to do, so that it can be killed in the middle of it. */
export type Act =
  | 'start'
  | 'offer-request'
  | 'announce'
  | 'invoice-request'
  | 'payment'
  | 'end'
  | 'quote-request'
  | 'forward'
  | 'state-request'
  | 'sync'
  | 'join'
  | 'broadcast';

interface Waiting {
  readonly act: Act | undefined;
  left: number;
  readonly go: () => void;
}

/** Longest wait for a moment that may never come, in milliseconds. */
const PATIENCE = 1_000;
/** A kill comes so many milliseconds behind the moment, at most: while whatever began then is going on. */
const BEHIND = 4;
const ACTS: readonly (Act | undefined)[] = [undefined, 'payment', 'payment', 'announce', 'end', 'broadcast', 'broadcast'];

/** Waits for moments to kill one program at. */
export class Trigger {
  readonly #chance: Chance;
  #waiting: Waiting | undefined;
  #last: Act = 'start';

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Something was seen. */
  saw(act: Act): void {
    this.#last = act;
    const waiting = this.#waiting;
    if (waiting === undefined || (waiting.act !== undefined && waiting.act !== act)) return;
    waiting.left--;
    if (waiting.left === 0) waiting.go();
  }

  /** Some milliseconds after the program got its order, or just after one of the things it does. @returns what it was last seen doing. */
  async moment(running: Promise<unknown>): Promise<Act> {
    this.#last = 'start';
    if (this.#chance.below(4) < 1) await pause(this.#chance.below(120));
    else {
      await running;
      await this.#act();
      await pause(this.#chance.below(BEHIND));
    }
    return this.#last;
  }

  async #act(): Promise<void> {
    const act = ACTS[Math.floor(this.#chance.below(ACTS.length))];
    const left = 1 + Math.floor(this.#chance.below(act === undefined || act === 'payment' ? 120 : 2));
    const stop = new AbortController();
    const seen = new Promise<void>((go) => {
      this.#waiting = { act, left, go };
    });
    await Promise.race([seen, pause(PATIENCE, undefined, { signal: stop.signal }).catch(() => undefined)]);
    stop.abort();
    this.#waiting = undefined;
  }
}
