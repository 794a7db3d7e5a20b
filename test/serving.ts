import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';

/** A process that serves until it is killed. Its first line, as JSON, says that it has come up; what it notes for a person can be awaited. */
export class Serving {
  /** The first line that it printed. @throws Error when it ends before. */
  readonly up: Promise<unknown>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #said: Interface;
  readonly #notes: string[] = [];
  readonly #exited: Promise<unknown>;

  constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child;
    this.#exited = once(child, 'close');
    this.#said = createInterface({ input: child.stderr }).on('line', (note) => this.#notes.push(note));
    this.up = this.#next(createInterface({ input: child.stdout })).then((line) => JSON.parse(line));
  }

  /** What the pattern's first group holds, in the first note that it matches: one that has been given, or one to come. */
  async note(pattern: RegExp): Promise<string> {
    for (let i = 0; ; i++) {
      const [, held] = pattern.exec(this.#notes[i] ?? (await this.#next(this.#said))) ?? [];
      if (held !== undefined) return held;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** All that it has noted so far. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** @throws Error when the process ends before there is another line. */
  async #next(lines: Interface): Promise<string> {
    const ended = this.#exited.then(() => Promise.reject(new Error(['pawment has ended', ...this.#notes].join('\n'))));
    const [line] = await Promise.race([once(lines, 'line'), ended]);
    return String(line);
  }
}
