import { bytesToHex } from '../core/base/bytes.ts';
import type { Ask, OppositeReply, OppositeRequest, Reply, Request, SyncAnswer } from '../core/message/message.ts';
import { type Clock, type Connection, type Random, WorldError } from '../engine/ports.ts';

/** Milliseconds that a question waits for a payer that has stopped asking; then the work that needs the answer goes on without it. */
const PATIENCE = 600_000;

interface Waiting {
  readonly ask: Ask;
  readonly since: number;
  readonly answered: (reply: Reply) => void;
  readonly failed: (error: WorldError) => void;
}

/**
 * A connection to a payer that nobody can call. Messages wait here; the payer fetches them, and brings the answer when it asks again. Until then it
 * gets the same question each time it asks.
 */
export class ReverseConnection implements Connection {
  readonly #random: Random;
  readonly #clock: Clock;
  #waiting: Waiting | undefined;
  #running: Promise<void> | undefined;
  #changed: (() => void)[] = [];

  constructor(random: Random, clock: Clock) {
    this.#random = random;
    this.#clock = clock;
  }

  exchange = async (request: Request): Promise<Reply> => {
    if (!isOpposite(request)) throw new TypeError(`a payer is not asked for a ${request.kind}`);
    if (this.#waiting !== undefined) throw new TypeError('one question at a time');
    return new Promise((answered, failed) => {
      const ask = { id: bytesToHex(this.#random.bytes(16)), request };
      this.#waiting = { ask, since: this.#clock.now(), answered, failed };
      this.#change();
    });
  };

  /** Takes an answer, goes on with the work or begins it, and gives what is to be asked next; undefined once the work is done. @throws as the work. */
  async turn(answer: SyncAnswer | undefined, work: () => Promise<void>): Promise<Ask | undefined> {
    if (answer !== undefined) this.#take(answer);
    const running = this.#running ?? this.#begin(work);
    while (this.#running === running && this.#waiting === undefined) await Promise.race([running, this.#next()]);
    if (this.#waiting === undefined) await running;
    return this.#waiting?.ask;
  }

  /** Gives up a question that nobody has come for. */
  sweep(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#clock.now() - waiting.since < PATIENCE) return;
    this.#waiting = undefined;
    waiting.failed(unreachable());
  }

  get isIdle(): boolean {
    return this.#running === undefined;
  }

  #begin(work: () => Promise<void>): Promise<void> {
    const running = work().finally(() => {
      this.#running = undefined;
      this.#change();
    });
    // If it fails while nobody waits for it, the next turn begins it again.
    running.catch(() => undefined);
    this.#running = running;
    return running;
  }

  #take({ to, reply }: { readonly to: string; readonly reply: OppositeReply }): void {
    const waiting = this.#waiting;
    if (waiting?.ask.id !== to) return;
    this.#waiting = undefined;
    waiting.answered(reply);
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  #change(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const resolve of changed) resolve();
  }
}

/** The payer has not fetched its question. */
export function unreachable(): WorldError {
  return new WorldError('peer-unreachable', 'The payer does not ask.', 'It is asked again when it comes.');
}

function isOpposite(request: Request): request is OppositeRequest {
  return request.kind !== 'invoice-request' && request.kind !== 'sync' && request.kind !== 'join';
}
