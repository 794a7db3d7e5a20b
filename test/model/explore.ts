import type { Contract } from '../../src/core/contract/contract.ts';
import { tipOf } from './chain.ts';
import { type Move, movesFrom } from './moves.ts';
import { type Budget, Machines, type Node, type PayeeStep, type PayerStep } from './node.ts';
import { Broken, checkEnd, checkNode, isOver } from './oracle.ts';

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Different questions asked of the two step functions. */
  readonly steps: number;
  /** Longest of the shortest ways to a state. */
  readonly depth: number;
  /** How often each kind of end was met. */
  readonly ends: ReadonlyMap<string, number>;
}

/** The shortest way from the start to what is wrong. */
export class Violation extends Error {
  readonly trace: readonly string[];

  constructor(message: string, trace: readonly string[]) {
    super(`${message}\n${trace.map((name, i) => `  ${i + 1}. ${name}`).join('\n')}`);
    this.trace = trace;
  }
}

export interface ModelOptions {
  readonly contract: Contract;
  readonly budget: Budget;
  readonly payee?: PayeeStep;
  readonly payer?: PayerStep;
}

/**
 * Visits every state that can be reached, breadth first. @throws Violation where a rule of money is broken, where nothing is left to happen and it is
 * not over, and for a state from which no end can be reached (I7).
 */
export function explore({ contract, budget, payee, payer }: ModelOptions): Exploration {
  const machines = new Machines(contract, payee, payer);
  const seen = new Map<string, number>();
  const from: number[] = [];
  const names: string[] = [];
  const depths: number[] = [];
  const backwards: number[][] = [];
  const finished: number[] = [];
  const ends = new Map<string, number>();
  let transitions = 0;

  const trace = (at: number): string[] => {
    const way: string[] = [];
    for (let i = at; i > 0; i = from[i] ?? 0) way.unshift(names[i] ?? '');
    return way;
  };
  const visit = (node: Node, parent: number, name: string): Node | undefined => {
    const key = machines.keyOf(node);
    const known = seen.get(key);
    if (known !== undefined) {
      backwards[known]?.push(parent);
      return undefined;
    }
    const at = seen.size;
    seen.set(key, at);
    from.push(parent);
    names.push(name);
    depths.push((depths[parent] ?? -1) + 1);
    backwards.push([parent]);
    return node;
  };

  const start = machines.start(budget);
  visit(start, 0, 'start');
  let frontier: (readonly [Node, number])[] = [[start, 0]];
  while (frontier.length > 0) {
    const next: (readonly [Node, number])[] = [];
    for (const [node, at] of frontier) {
      const moves = guarded(() => {
        checkNode(node);
        if (!isOver(node)) return movesFrom(node, machines);
        const how = checkEnd(node, machines);
        ends.set(how, (ends.get(how) ?? 0) + 1);
        finished.push(at);
        return [];
      }, trace(at));
      if (moves.length === 0 && !isOver(node)) throw new Violation(stuck(node, machines), trace(at));
      transitions += moves.length;
      for (const [name, reached] of moves) {
        const fresh = visit(reached, at, name);
        if (fresh !== undefined) next.push([fresh, seen.size - 1]);
      }
    }
    frontier = next;
  }
  const lost = unreached(seen.size, finished, backwards);
  if (lost !== undefined) throw new Violation('I7: from here no end can be reached', trace(lost));
  return { states: seen.size, transitions, steps: machines.steps, depth: depths.at(-1) ?? 0, ends };
}

function stuck({ chain, payee, payer }: Node, { book }: Machines): string {
  const where = tipOf(chain) >= book.setting.last ? 'the chain has gone on long enough' : 'nothing is left to happen';
  return `I7: ${where}, the payee is ${payee?.kind} and the payer ${payer.kind}`;
}

function guarded(work: () => readonly Move[], trace: readonly string[]): readonly Move[] {
  try {
    return work();
  } catch (error) {
    if (error instanceof Broken) throw new Violation(error.message, trace);
    throw error;
  }
}

/** A state from which none of the finished ones can be reached. */
function unreached(count: number, finished: readonly number[], backwards: readonly (readonly number[])[]): number | undefined {
  const reaches = new Uint8Array(count);
  const queue = [...finished];
  for (const at of queue) reaches[at] = 1;
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const before of backwards[at] ?? []) {
      if (reaches[before] === 1) continue;
      reaches[before] = 1;
      queue.push(before);
    }
  }
  const lost = reaches.indexOf(0);
  return lost < 0 ? undefined : lost;
}
