/** A target for output: a terminal, or something that nobody watches. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
}

/** Long work, as it goes on. */
export interface Work {
  /** Reports progress; `left` is in milliseconds, and estimated from the time used so far unless given. */
  readonly at: (done: number, total: number, left?: number) => void;
  /** The work has ended, in whatever way: its display is removed from the screen. */
  readonly done: () => void;
}

/** Time for a screen. `every` calls back at regular intervals, without keeping the process alive, until the returned function is called. */
export interface Ticker {
  readonly now: () => number;
  readonly every: (milliseconds: number, tick: () => void) => () => void;
}

/** Milliseconds between two updates: work that ends before the first never shows. */
const TICK = 250;
/** Milliseconds between two lines on a terminal that can't change a line. */
const SELDOM = 10_000;
const MOST_BAR = 40;
const USUAL_COLUMNS = 80;
/** A shorter bar says nothing. */
const LEAST_BAR = 10;

interface Running {
  readonly name: string;
  readonly since: number;
  progress?: { readonly done: number; readonly total: number; readonly left?: number };
  /** The first report: progress before it did not take this time. */
  base?: { readonly done: number; readonly at: number };
}

/**
 * The only writer of a terminal: whole lines, and below them, during long work, a row with its progress, which makes room for every line. Output that
 * is no terminal gets only the lines; a terminal that can't change a row (`dumb`) gets a progress line from time to time.
 */
export class Screen {
  readonly #terminal: Sink;
  readonly #ticker: Ticker;
  readonly #isDumb: boolean;
  #row = '';
  #stop: () => void = () => undefined;
  #told = 0;

  constructor(terminal: Sink, { ticker = realTime, term = process.env['TERM'] }: { ticker?: Ticker; term?: string | undefined } = {}) {
    this.#terminal = terminal;
    this.#ticker = ticker;
    this.#isDumb = term === undefined || term === 'dumb';
  }

  /** Writes lines to the terminal, or to another stream that may be the same terminal. */
  lines(lines: readonly string[], to: Sink = this.#terminal): void {
    const row = this.#row;
    this.#show('');
    to.write(lines.map((line) => `${line}\n`).join(''));
    this.#show(row);
  }

  /** Starts to show long work. One at a time: the newest is shown. */
  work(name: string): Work {
    if (this.#terminal.isTTY !== true) return { at: () => undefined, done: () => undefined };
    const running: Running = { name, since: this.#ticker.now() };
    this.#told = running.since;
    this.#stop();
    this.#stop = this.#ticker.every(TICK, () => this.#tell(running));
    return {
      at: (reached, total, left) => {
        const done = Math.max(0, reached);
        running.base ??= { done, at: this.#ticker.now() };
        running.progress = { done, total, ...(left !== undefined && { left }) };
      },
      done: () => this.end(),
    };
  }

  /** Shows no work any more, finished or not. */
  end(): void {
    this.#stop();
    this.#show('');
  }

  #tell(running: Running): void {
    const now = this.#ticker.now();
    // A terminal that was never told its size says 0.
    const { columns = 0 } = this.#terminal;
    if (!this.#isDumb) this.#show(rowOf(running, now, (columns > 0 ? columns : USUAL_COLUMNS) - 1));
    else if (now - this.#told >= SELDOM) {
      this.#told = now;
      this.#terminal.write(`${rowOf(running, now, USUAL_COLUMNS)}\n`);
    }
  }

  #show(row: string): void {
    if (row === this.#row) return;
    this.#terminal.write(`\r\u001b[K${row}`);
    this.#row = row;
  }
}

const realTime: Ticker = {
  now: () => performance.now(),
  every: (milliseconds, tick) => {
    const timer = setInterval(tick, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

function rowOf({ name, since, progress, base }: Running, now: number, columns: number): string {
  if (progress === undefined || base === undefined || progress.total <= 0) return cut(`${name}, ${span(now - since)} so far`, columns);
  const { done, total, left = reckoned(progress, base, now) } = progress;
  const rest = left === undefined ? '' : `, ${span(left)} left`;
  const width = Math.min(MOST_BAR, columns - `${name} [] ${done} of ${total}${rest}`.length);
  if (width < LEAST_BAR) return cut(`${name} ${done} of ${total}${rest}`, columns);
  const full = Math.round((Math.min(done, total) / total) * width);
  return `${name} [${'█'.repeat(full)}${'░'.repeat(width - full)}] ${done} of ${total}${rest}`;
}

/** Assumes that the rest takes as long per step as the part so far. */
function reckoned({ done, total }: { done: number; total: number }, base: { done: number; at: number }, now: number): number | undefined {
  return done > base.done && done < total ? ((now - base.at) / (done - base.done)) * (total - done) : undefined;
}

function cut(text: string, columns: number): string {
  return text.slice(0, Math.max(0, columns));
}

/** Milliseconds in words. */
export function span(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/**
 * The text in rows of so many columns, broken at spaces; rows after the first are indented. Words longer than a row stay whole, so that they can be
 * copied.
 */
export function rows(text: string, columns: number, indent: number): readonly string[] {
  const made: string[] = [];
  let row = '';
  for (const part of text.match(/ *[^ ]+/g) ?? []) {
    const isFirst = row.trim() === '';
    if (isFirst || row.length + part.length <= columns) row += part;
    else {
      made.push(row);
      row = ' '.repeat(indent) + part.trimStart();
    }
  }
  return [...made, row];
}
