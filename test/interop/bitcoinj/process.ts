import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { findProgram } from '../../live/program.ts';
import { classPath, java } from './build.ts';
import { type EventName, type Events, events, line as lineForm } from './said.ts';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The Java program at the other end of two pipes. Every answer and event is awaited; nothing is polled. */
export class JavaProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #calls = new Map<number, Waiting>();
  readonly #unread = new Map<EventName, unknown[]>();
  readonly #awaited = new Map<EventName, Waiting[]>();
  readonly #exited: Promise<unknown>;
  readonly #over = new AbortController();
  #lastId = 0;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    const kill = (): unknown => child.kill('SIGKILL');
    process.once('exit', kill);
    // A write to a process that has just ended fails here; the calls that wait for it fail by its end.
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
    this.#exited = once(child, 'close').then(() => {
      process.off('exit', kill);
      this.#end();
    });
  }

  /** @throws Error when a program is missing or the build fails. */
  static async start(flags: readonly string[]): Promise<JavaProcess> {
    const path = await classPath();
    const command = findProgram(java);
    if (command === undefined) throw new Error(`java is missing: ${java.install}`);
    return new JavaProcess(spawn(command, [...flags, '-cp', path, 'pawment.interop.Main'], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** What the program answers to a command. @throws Error with its words where it says no, or when it ends before it answers. */
  call(command: string, fields: object): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const line = JSON.stringify({ id, do: command, ...fields }, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
    return this.#wait((waiting) => {
      this.#calls.set(id, waiting);
      this.#child.stdin.write(`${line}\n`);
    });
  }

  /** The next event of this name that nobody has read yet. */
  async next<Name extends EventName>(name: Name): Promise<Events[Name]>;
  async next(name: EventName): Promise<unknown> {
    const unread = this.#unread.get(name) ?? [];
    return events[name].parse(unread.shift() ?? (await this.#wait((waiting) => listOf(this.#awaited, name).push(waiting))));
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Lets it end by itself. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#exited;
  }

  #wait(enter: (waiting: Waiting) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#over.signal.aborted) reject(new Error('bitcoinj has ended'));
      else enter({ resolve, reject });
    });
  }

  #take(line: string): void {
    const said = lineForm.parse(JSON.parse(line));
    if ('event' in said) {
      const waiting = this.#awaited.get(said.event)?.shift();
      if (waiting === undefined) listOf(this.#unread, said.event).push(said);
      else waiting.resolve(said);
      return;
    }
    const call = this.#calls.get(said.id);
    this.#calls.delete(said.id);
    if ('error' in said) call?.reject(new Error(said.error));
    else call?.resolve(said.result);
  }

  #end(): void {
    this.#over.abort();
    for (const { reject } of [...this.#calls.values(), ...[...this.#awaited.values()].flat()]) reject(new Error('bitcoinj has ended'));
    this.#calls.clear();
    this.#awaited.clear();
  }
}

function listOf<Key, Value>(lists: Map<Key, Value[]>, key: Key): Value[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
