import { type Store, WorldError, type Write } from '../../src/engine/ports.ts';
import { checkWrites, compareIds } from '../../src/store/validate-writes.ts';
import { applyTo, type Cut, Disk, type Records } from './disk.ts';
import type { Process, Stage } from './stage.ts';

/** A computer with one disk: programs on it share what they store, take turns to write, and lose power together. */
export class Machine {
  readonly disk: Disk = new Disk();
  readonly #stage: Stage;
  #records: Records = new Map();
  #writer: Process | undefined;
  #queue: { readonly process: Process; readonly go: () => void }[] = [];
  /** Probability that a commit fails though it may have happened. */
  failure = 0;
  onFault: (kind: 'store-full' | 'store-failed-before' | 'store-failed-after' | 'commit-rolled-back') => void = () => undefined;

  /** A commit is on the disk. */
  onSynced: (writes: readonly Write[]) => void = () => undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get records(): Records {
    return this.#records;
  }

  /** The program is gone, the machine goes on: of a commit under way the rest happens, or none of it. */
  release(process: Process): void {
    this.#queue = this.#queue.filter((waiting) => waiting.process !== process);
    if (this.#writer !== process) return;
    if (this.disk.hasLoose) {
      this.disk.undo();
      this.onFault('commit-rolled-back');
    }
    this.#unlock();
  }

  cutPower(): Cut {
    const { generations, loose } = this.disk;
    const cut = this.disk.cutPower(this.#stage.chance);
    this.#reopen();
    // What was not synced may have come to the disk all the same.
    for (const writes of loose.slice(0, this.disk.generations - generations)) this.onSynced(writes);
    return cut;
  }

  restore(generation: number): void {
    this.disk.restore(generation);
    this.#reopen();
  }

  #reopen(): void {
    this.#records = this.disk.open();
    this.#writer = undefined;
    this.#queue = [];
  }

  #lock(process: Process): Promise<void> {
    if (this.#writer === undefined) {
      this.#writer = process;
      return Promise.resolve();
    }
    return new Promise((go) => this.#queue.push({ process, go }));
  }

  #unlock(): void {
    const next = this.#queue.shift();
    this.#writer = next?.process;
    next?.go();
  }

  /** The store as a program on this machine has it open. */
  store(process: Process): Store {
    const ask = <T>(label: string, act: () => T): Promise<T> => this.#stage.ask(process, label, act);
    return {
      get: (kind, id) => ask(`get ${kind}`, () => this.#records.get(kind)?.get(id)),
      list: (kind) => this.#list(process, kind),
      commit: async (writes) => {
        checkWrites(writes);
        await this.#lock(process);
        try {
          if (!(await ask(`append ${writes.map(({ kind }) => kind).join(' ')}`, () => this.#append(writes)))) return false;
          await ask('sync', () => this.#sync(writes));
          return true;
        } finally {
          if (this.#writer === process) this.#unlock();
        }
      },
      close: async () => undefined,
    };
  }

  async *#list(process: Process, kind: string): ReturnType<Store['list']> {
    const found = await this.#stage.ask(process, `list ${kind}`, () => [...(this.#records.get(kind) ?? [])]);
    for (const [id, record] of found.sort(([a], [b]) => compareIds(a, b))) yield { id, ...record };
  }

  #append(writes: readonly Write[]): boolean {
    if (!writes.every(({ kind, id, expected }) => (this.#records.get(kind)?.get(id)?.version ?? 0) === expected)) return false;
    if (this.disk.isFull) this.#fail('store-full', 'store-full');
    if (this.#stage.chance.happens(this.failure)) this.#fail('store-busy', 'store-failed-before');
    this.disk.append(writes);
    return true;
  }

  #sync(writes: readonly Write[]): void {
    this.disk.sync();
    applyTo(this.#records, writes);
    this.onSynced(writes);
    if (this.#stage.chance.happens(this.failure)) this.#fail('store-busy', 'store-failed-after');
  }

  #fail(code: 'store-full' | 'store-busy', fault: 'store-full' | 'store-failed-before' | 'store-failed-after'): never {
    this.onFault(fault);
    throw new WorldError(code, 'the disk says no', 'Look after the disk.');
  }
}
