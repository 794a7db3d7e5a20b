/** An error, a refusal, or anything else that repeats at each look. */
export interface Failure {
  readonly message: string;
  readonly code?: unknown;
}

/** The state of a failure that has come more than once. Times are Unix milliseconds. */
export interface Summary {
  readonly failure: Failure;
  /** What it affected; the first few. */
  readonly where: readonly string[];
  readonly times: number;
  readonly since: number;
  readonly until: number;
  readonly isOver: boolean;
}

interface Episode extends Omit<Summary, 'where' | 'isOver'> {
  readonly where: Set<string>;
  times: number;
  until: number;
  due: number;
  wait: number;
}

/** Milliseconds from the first line to the first summary; each further one takes twice as long, up to an hour. */
export const FIRST_WAIT = 60_000;
export const MOST_WAIT = 3_600_000;
/** Milliseconds without it after which a failure counts as over: longer than any look at the chain takes to fail. */
export const QUIET = 100_000;
/** It counts as still going on if it came within this time; otherwise it may be over already. */
const LATELY = 15_000;
/** The most failures remembered, and the most affected places of each: strangers may cause both. */
const MOST_EPISODES = 500;
const MOST_WHERE = 8;

/**
 * Tells a lasting failure from a new one, so that it is logged once and then summed up. Failures count as equal when they have the same code and,
 * except for numbers, the same message, whatever they affect: a node that is gone fails every job.
 */
export class RepeatedFailures {
  readonly #episodes = new Map<string, Episode>();

  get size(): number {
    return this.#episodes.size;
  }

  /** Counts a failure. False: it is not new, and a summary will report it. */
  isNew(where: string, failure: Failure, now: number, key: string = kindOf(failure)): boolean {
    const known = this.#episodes.get(key);
    if (known === undefined || isOver(known, now)) {
      this.#begin(key, {
        failure,
        where: new Set([where]),
        times: 1,
        since: now,
        until: now,
        due: now + FIRST_WAIT,
        wait: FIRST_WAIT,
      });
      return true;
    }
    known.times++;
    known.until = now;
    if (known.where.size < MOST_WHERE) known.where.add(where);
    return false;
  }

  /** The summaries that are due. Call it every few seconds. */
  due(now: number): readonly Summary[] {
    const summaries: Summary[] = [];
    for (const [key, episode] of this.#episodes) {
      const ended = isOver(episode, now);
      if (ended) this.#episodes.delete(key);
      else if (now < episode.due || now - episode.until > LATELY) continue;
      if (episode.times > 1) summaries.push(summaryOf(episode, ended));
      episode.wait = Math.min(MOST_WAIT, 2 * episode.wait);
      episode.due = now + episode.wait;
    }
    return summaries;
  }

  #begin(key: string, episode: Episode): void {
    this.#episodes.delete(key);
    this.#episodes.set(key, episode);
    for (const [oldest] of this.#episodes) {
      if (this.#episodes.size <= MOST_EPISODES) break;
      this.#episodes.delete(oldest);
    }
  }
}

function isOver({ until }: Episode, now: number): boolean {
  return now - until > QUIET;
}

function summaryOf({ failure, where, times, since, until }: Episode, ended: boolean): Summary {
  return { failure, where: [...where], times, since, until, isOver: ended };
}

function kindOf({ code, message }: Failure): string {
  return `${String(code)} ${message.slice(0, 500).replaceAll(/[0-9a-f]{16,}|\d+/g, '#')}`;
}
