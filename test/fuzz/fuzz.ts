import { bytesToHex } from '../../src/core/base/bytes.ts';
import { Chance } from '../sim/chance.ts';
import type { Coverage } from './coverage.ts';
import type { Outcome, Target } from './target.ts';

/** An input for which something did not hold. */
export class Found extends Error {
  readonly input: Uint8Array;

  constructor(target: string, input: Uint8Array, cause: unknown) {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`${target} fails on ${bytesToHex(input)}: ${why.slice(0, 3_000)}`, { cause });
    this.input = input;
  }
}

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
  /** Inputs that were worth keeping in earlier runs. */
  readonly kept?: readonly Uint8Array[];
  readonly coverage: Coverage;
}

export interface FuzzReport {
  readonly target: string;
  readonly runs: number;
  /** How often each outcome came. */
  readonly codes: ReadonlyMap<string, number>;
  readonly branches: number;
  readonly untaken: readonly string[];
  /** Inputs each of which took a branch that none before it took. */
  readonly kept: readonly Uint8Array[];
  /** How often the block that ran most ran, for each byte of input. */
  readonly work: number;
}

const FIRST_BATCH = 50;
const MOST_BATCH = 5_000;
/** Besides inputs that take new branches, those with a new outcome are kept, but not without end: so many of each code. */
const MOST_NOVEL = 40;
/**
 * The most often that any one block may run for a byte of input, and for an input of any length: a check of a signature takes thousands of steps,
 * and every one of 64 bytes may be one. Whatever takes time that grows faster than the input goes beyond.
 */
const WORK_PER_BYTE = 400;
const WORK_PER_INPUT = 60_000;

/** Runs one target on its corpus, and on what is made of it. The same seed makes the same inputs. @throws Found */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  return new Fuzzer(target, options).run(options.runs);
}

class Fuzzer {
  readonly #target: Target;
  readonly #coverage: Coverage;
  readonly #chance: Chance;
  /** The corpus, and what took new branches. */
  readonly #roots: Uint8Array[];
  /** What had a new outcome. */
  readonly #novel: Uint8Array[] = [];
  readonly #novelCodes = new Map<string, number>();
  readonly #kept: Uint8Array[] = [];
  readonly #seen = new Set<string>();
  readonly #codes = new Map<string, number>();
  #runs = 0;
  #work = 0;

  constructor(target: Target, { seed, kept = [], coverage }: FuzzOptions) {
    this.#target = target;
    this.#coverage = coverage;
    this.#chance = new Chance(seed, 0);
    this.#roots = [...target.corpus, ...kept];
  }

  async run(runs: number): Promise<FuzzReport> {
    this.#coverage.watch(this.#target.files);
    await this.#batch([...this.#roots]);
    for (let size = FIRST_BATCH; this.#runs < runs; size = Math.min(MOST_BATCH, Math.ceil(size * 1.2))) {
      const count = Math.min(size, runs - this.#runs);
      await this.#batch(Array.from({ length: count }, () => this.#next()));
    }
    const { total: branches, untaken } = this.#coverage;
    return { target: this.#target.name, runs: this.#runs, codes: this.#codes, branches, untaken, kept: this.#kept, work: this.#work };
  }

  #next(): Uint8Array {
    const from = this.#novel.length > 0 && this.#chance.happens(0.35) ? this.#novel : this.#roots;
    const base = this.#chance.pickAny(from) ?? new Uint8Array();
    const other = this.#chance.pickAny(this.#roots) ?? base;
    const made = this.#target.mutate(base, this.#chance, other);
    return this.#chance.happens(0.2) ? this.#target.mutate(made, this.#chance, other) : made;
  }

  async #batch(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) await this.#try(input);
    const { fresh, work } = this.#coverage.take();
    this.#measure(inputs, work);
    if (fresh.size > 0) for (const input of await this.#takersOf(fresh, inputs)) this.#keep(input);
  }

  async #try(input: Uint8Array): Promise<void> {
    this.#runs++;
    const { code, path = '' } = await this.#check(input);
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    const outcome = `${code} ${path.replaceAll(/[0-9a-f]{2,}|[0-9]+/g, '#').slice(0, 80)}`;
    const count = this.#novelCodes.get(code) ?? 0;
    if (this.#seen.has(outcome) || count >= MOST_NOVEL) return;
    this.#seen.add(outcome);
    this.#novelCodes.set(code, count + 1);
    this.#novel.push(input);
  }

  async #check(input: Uint8Array): Promise<Outcome> {
    try {
      return await this.#target.check(input);
    } catch (error) {
      throw new Found(this.#target.name, input, error);
    }
  }

  #measure(inputs: readonly Uint8Array[], work: number): void {
    const bytes = inputs.reduce((sum, { length }) => sum + length, 0);
    this.#work = Math.max(this.#work, work / Math.max(1, bytes));
    const most = bytes * WORK_PER_BYTE + inputs.length * WORK_PER_INPUT;
    if (work > most)
      throw new Error(`${this.#target.name}: ${work} steps for ${inputs.length} inputs of ${bytes} bytes, more than ${most}`);
  }

  #keep(input: Uint8Array): void {
    this.#kept.push(input);
    this.#roots.push(input);
  }

  /** Runs halves of a batch again to see which inputs took the fresh branches. */
  async #takersOf(wanted: ReadonlySet<string>, inputs: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const [only, ...others] = inputs;
    if (wanted.size === 0 || only === undefined) return [];
    if (others.length === 0) return [only];
    const half = Math.ceil(inputs.length / 2);
    const first = inputs.slice(0, half);
    const taken = await this.#takenBy(first, wanted);
    const rest = new Set([...wanted].filter((branch) => !taken.has(branch)));
    return [...(await this.#takersOf(taken, first)), ...(await this.#takersOf(rest, inputs.slice(half)))];
  }

  async #takenBy(inputs: readonly Uint8Array[], wanted: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    for (const input of inputs) await this.#check(input);
    const { taken } = this.#coverage.take();
    return new Set([...wanted].filter((branch) => taken.has(branch)));
  }
}
