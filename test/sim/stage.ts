import { createHash } from 'node:crypto';
import { WorldError } from '../../src/engine/ports.ts';
import type { Chance } from './chance.ts';

/** A program on a machine: what it waits for dies with it. */
export interface Process {
  readonly name: string;
  alive: boolean;
}

interface Waiting {
  readonly process: Process;
  readonly label: string;
  /** Does it; the process hears of it, or dies before it does. */
  readonly act: (isHeard: boolean) => void;
}

/** A piece of work under way, and how it came out. */
export interface Task {
  readonly process: Process;
  readonly label: string;
  outcome: 'running' | 'done' | 'failed';
  error?: WorldError;
}

/** What may befall one step: the hook decides by its own draws. */
export type Fate = 'go' | 'crash-before' | 'crash-after';

const KEPT_LINES = 400;

/**
 * Where everything waits. Each thing that a program asks of the world is one step, and the seed says which comes next. Nothing else passes time: between
 * two steps all code runs until it asks again.
 */
export class Stage {
  readonly chance: Chance;
  steps = 0;
  /** What broke, if anything: an exception that is no `WorldError` is a bug. */
  fault: Error | undefined;
  onStep: (process: Process, label: string) => Fate = () => 'go';
  onCrash: (process: Process) => void = () => undefined;
  readonly tail: string[] = [];
  readonly #hash = createHash('sha256');
  readonly #keepAll: boolean;
  #waiting: Waiting[] = [];

  constructor(chance: Chance, keepAll: boolean) {
    this.chance = chance;
    this.#keepAll = keepAll;
  }

  note(line: string): void {
    this.#hash.update(line).update('\n');
    this.tail.push(line);
    if (!this.#keepAll && this.tail.length > 2 * KEPT_LINES) this.tail.splice(0, KEPT_LINES);
  }

  /** Of the whole trace. Ends it. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  /** One step of a process: `act` happens when the seed says so, and its result or exception is what the process gets. */
  ask<T>(process: Process, label: string, act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!process.alive) return;
      const attempt = (isHeard: boolean): void => {
        try {
          const result = act();
          if (isHeard) resolve(result);
        } catch (error) {
          if (isHeard) reject(error);
        }
      };
      this.#waiting.push({ process, label, act: attempt });
    });
  }

  /** Starts work. A `WorldError` is an outcome; any other exception is a bug in what is tested, or here. */
  start(process: Process, label: string, work: () => Promise<unknown>): Task {
    const task: Task = { process, label, outcome: 'running' };
    const failed = (error: unknown): void => {
      task.outcome = 'failed';
      if (error instanceof WorldError) {
        task.error = error;
        this.note(`${process.name} ${label}: ${error.code}`);
      } else if (process.alive) this.fault ??= error instanceof Error ? error : new Error(String(error));
    };
    const done = (): void => {
      task.outcome = 'done';
    };
    try {
      work().then(done, failed);
    } catch (error) {
      failed(error);
    }
    return task;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  kill(process: Process): void {
    process.alive = false;
    this.#waiting = this.#waiting.filter((waiting) => waiting.process !== process);
  }

  /** Runs up to `most` steps; fewer when nothing waits any more. */
  async run(most: number): Promise<void> {
    await turn();
    for (let taken = 0; taken < most && this.#waiting.length > 0 && this.fault === undefined; taken++) {
      this.#step();
      await turn();
    }
  }

  #step(): void {
    const index = this.chance.int(this.#waiting.length);
    const [next] = this.#waiting.splice(index, 1);
    if (next === undefined) return;
    this.steps++;
    const { process, label, act } = next;
    const fate = this.onStep(process, label);
    this.note(`${process.name} ${label}${fate === 'go' ? '' : ` ${fate}`}`);
    if (fate !== 'crash-before') act(fate === 'go');
    if (fate !== 'go') this.onCrash(process);
  }
}

/** All that can go on without an answer from the stage has gone on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
