import { type Line, type Timers, WorldError } from '../../src/engine/ports.ts';
import { Timeout } from '../../src/transport/timeout.ts';

export interface LinePairOptions {
  readonly timers: Timers;
  /** Bytes that a message may have; 32,767 unless given. */
  readonly mostBytes?: number;
  /** What `setIdle` has at first; for ever unless given. */
  readonly idle?: number;
  /** Milliseconds after which a closed end no longer waits for the other; 10,000 unless given. */
  readonly linger?: number;
  /** Address of the near end, as the far one sees it; `near` unless given. */
  readonly address?: string;
}

export interface LinePair {
  readonly near: Line;
  readonly far: Line;
  /** Breaks the line: what has arrived is still read, and nothing more. */
  readonly cut: () => void;
}

/** Both ends of a line that is nowhere but in memory. */
export function linePair(options: LinePairOptions): LinePair {
  const near: End = new End('far', options, () => far);
  const far: End = new End(options.address ?? 'near', options, () => near);
  const cut = (): void => {
    near.break();
    far.break();
  };
  return { near, far, cut };
}

/** What this end may say: all, nothing more but the other end still can, or nothing is left of the line. */
type Voice = 'open' | 'closing' | 'gone';
/** What this end hears: `done` after the end of either, `failed` after a break. */
type Ear = { readonly kind: 'open' | 'done' } | { readonly kind: 'failed'; readonly error: WorldError };

class End implements Line {
  readonly remote: string;
  readonly frames: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => this.#next() }) };
  readonly #mostBytes: number;
  readonly #other: () => End;
  readonly #idle: Timeout;
  readonly #linger: Timeout;
  readonly #inbox: Uint8Array[] = [];
  readonly #left: Promise<void>;
  #voice: Voice = 'open';
  #ear: Ear = { kind: 'open' };
  #wake: () => void = () => undefined;
  #leave: () => void = () => undefined;

  constructor(remote: string, { timers, mostBytes = 32_767, idle, linger = 10_000 }: LinePairOptions, other: () => End) {
    this.remote = remote;
    this.#mostBytes = mostBytes;
    this.#other = other;
    this.#idle = new Timeout(timers, idle, () => {
      this.#turn({ kind: 'failed', error: unreachable('The other end has said nothing in time.') });
      void this.close();
    });
    this.#linger = new Timeout(timers, linger, () => this.#go());
    this.#left = new Promise((resolve) => {
      this.#leave = resolve;
    });
  }

  async send(body: Uint8Array): Promise<void> {
    if (body.length > this.#mostBytes) throw new RangeError(`A message of ${body.length} bytes; ${this.#mostBytes} are the most.`);
    const other = this.#other();
    if (this.#voice !== 'open' || other.#voice === 'gone') throw unreachable('The line is closed.');
    other.#take(body.slice());
  }

  setIdle(milliseconds: number | undefined): void {
    this.#idle.set(milliseconds);
  }

  close(): Promise<void> {
    if (this.#voice === 'open') {
      const other = this.#other();
      this.#voice = 'closing';
      this.#inbox.length = 0;
      this.#turn({ kind: 'done' });
      other.#turn({ kind: 'done' });
      if (other.#voice === 'open') this.#linger.begin();
      else for (const end of [this, other]) end.#go();
    }
    return this.#left;
  }

  break(): void {
    this.#turn({ kind: 'failed', error: unreachable('The line is broken.') });
    this.#go();
  }

  #go(): void {
    this.#voice = 'gone';
    this.#linger.end();
    this.#leave();
  }

  #take(body: Uint8Array): void {
    if (this.#ear.kind === 'open') this.#inbox.push(body);
    this.#wake();
  }

  /** What ended it first is what ended it. */
  #turn(ear: Ear): void {
    if (this.#ear.kind === 'open') this.#ear = ear;
    this.#idle.end();
    this.#wake();
  }

  async #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const value = this.#inbox.shift();
      if (value !== undefined) {
        this.#idle.end();
        return { value };
      }
      if (this.#ear.kind === 'failed') throw this.#ear.error;
      if (this.#ear.kind === 'done') return { done: true, value: undefined };
      this.#idle.begin();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function unreachable(message: string): WorldError {
  return new WorldError('peer-unreachable', message, 'Connect again; what was agreed before holds.');
}
