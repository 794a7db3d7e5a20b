import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const SOURCES = new URL('../../src/', import.meta.url);

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** The branches of one file: where each begins, and whether it was ever taken. */
class FileBranches {
  readonly path: string;
  readonly #text: string;
  readonly #starts = new Set<number>();
  readonly #ever: Uint8Array;

  constructor(path: string) {
    this.path = path;
    this.#text = readFileSync(new URL(path, SOURCES), 'utf8');
    this.#ever = new Uint8Array(this.#text.length);
  }

  /** Takes in what V8 counted since the last time. @returns the branches that were taken, and whether for the first time. */
  add(functions: readonly { readonly ranges: readonly Range[] }[]): readonly (readonly [string, boolean])[] {
    const now = new Uint8Array(this.#text.length);
    for (const { ranges } of functions) {
      // The module itself is no branch.
      if (ranges[0]?.startOffset === 0) continue;
      for (const { startOffset, endOffset, count } of ranges) {
        this.#starts.add(startOffset);
        now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
    }
    const taken = [...this.#starts]
      .filter((start) => now[start] === 1)
      .map((start) => [`${this.path}:${start}`, this.#ever[start] === 0] as const);
    for (let i = 0; i < now.length; i++) if (now[i] === 1) this.#ever[i] = 1;
    return taken;
  }

  get total(): number {
    return this.#starts.size;
  }

  /** Line and text of each branch that was never taken. */
  get untaken(): readonly string[] {
    return [...this.#starts]
      .filter((start) => this.#ever[start] === 0)
      .sort((a, b) => a - b)
      .map((start) => {
        const line = this.#text.slice(0, start).split('\n').length;
        return `${this.path}:${line}: ${this.#text.slice(start, start + 90).split('\n')[0]}`;
      });
  }
}

export interface Taken {
  /** Branches taken since the last time. */
  readonly taken: ReadonlySet<string>;
  /** Those of them that were never taken before. */
  readonly fresh: ReadonlySet<string>;
  /** How often the block that ran most ran. */
  readonly work: number;
}

/** Block coverage as V8 counts it, while the program runs. Start it before what it is to watch is imported. */
export class Coverage {
  readonly #session = new Session();
  #files = new Map<string, FileBranches>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** From now on the branches of these files are counted, from nothing. */
  watch(paths: readonly string[]): void {
    this.#files = new Map(paths.map((path) => [new URL(path, SOURCES).href, new FileBranches(path)]));
    this.take();
  }

  take(): Taken {
    const [taken, fresh] = [new Set<string>(), new Set<string>()];
    let work = 0;
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      for (const { url, functions } of answer.result) {
        if (!url.startsWith('file:')) continue;
        for (const { ranges } of functions) for (const { count } of ranges) work = Math.max(work, count);
        for (const [branch, isFresh] of this.#files.get(url)?.add(functions) ?? []) {
          taken.add(branch);
          if (isFresh) fresh.add(branch);
        }
      }
    });
    return { taken, fresh, work };
  }

  get total(): number {
    return [...this.#files.values()].reduce((sum, { total }) => sum + total, 0);
  }

  get untaken(): readonly string[] {
    return [...this.#files.values()].flatMap(({ untaken }) => untaken);
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}
