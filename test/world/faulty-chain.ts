import { type Chain, WorldError } from '../../src/engine/ports.ts';
import { type Calls, failing, lagging, lying, remembered, silent } from './node-fault.ts';

export const chainCalls: readonly (keyof Calls)[] = [
  'tip',
  'status',
  'block',
  'output',
  'transaction',
  'mempool',
  'waiting',
  'broadcast',
  'feeRate',
];

/**
 * What a call gets instead of its answer: an error as of a node that is away or that refuses; nothing until the node is healed, and then an error,
 * as of a connection that is given up; the answer of the last time; that of some blocks ago; another one.
 */
export type Fault = 'down' | 'refused' | 'silent' | 'stale' | 'lagging' | 'wrong';

export interface FaultPlan {
  readonly fault: Fault;
  readonly calls: readonly (keyof Calls)[];
  /** How many calls go well before the first that does not. */
  readonly spare?: number;
  /** How many calls it befalls; all of them unless given. */
  readonly times?: number;
  /** Which lie is told first. */
  readonly seed?: number;
}

/** A chain with a node before it that can be made to fail, the same way for the same plan. */
export class FaultyChain {
  /** What the one who is to be tried gets. */
  readonly chain: Chain;
  readonly #true: Calls;
  readonly #nodes: Readonly<Record<Exclude<Fault, 'wrong'>, Calls>>;
  readonly #waiting = new Set<(error: WorldError) => void>();
  #plan: FaultPlan | undefined;
  #liar: Calls | undefined;
  #met = 0;
  #struck = 0;

  constructor(inner: Chain) {
    const { live, stale } = remembered(inner);
    this.#true = live;
    this.#nodes = {
      down: failing(away),
      refused: failing(() => new WorldError('node-refused', 'the node refused', 'Try again.')),
      silent: silent(() => new Promise((_, reject) => this.#waiting.add(reject))),
      stale,
      lagging: lagging(inner.coin, inner),
    };
    this.chain = {
      coin: inner.coin,
      tip: () => this.#node('tip').tip(),
      status: () => this.#node('status').status(),
      block: (height) => this.#node('block').block(height),
      output: (outpoint) => this.#node('output').output(outpoint),
      transaction: (txid) => this.#node('transaction').transaction(txid),
      mempool: () => this.#node('mempool').mempool(),
      unconfirmed: (txid) => this.#node('unconfirmed').unconfirmed(txid),
      waiting: (txid) => this.#node('waiting').waiting(txid),
      broadcast: (transaction) => this.#node('broadcast').broadcast(transaction),
      feeRate: () => this.#node('feeRate').feeRate(),
    };
  }

  begin(plan: FaultPlan): void {
    [this.#plan, this.#met, this.#struck] = [plan, 0, 0];
    this.#liar = lying(this.#true, plan.seed ?? 0);
  }

  /** How many calls have gone wrong since `begin`. */
  get struck(): number {
    return this.#struck;
  }

  /** The node answers again; what it never answered fails now. */
  heal(): void {
    this.#plan = undefined;
    for (const reject of this.#waiting) reject(away());
    this.#waiting.clear();
  }

  #node(call: keyof Calls): Calls {
    if (this.#plan?.calls.includes(call) !== true) return this.#true;
    const { fault, spare = 0, times = Number.POSITIVE_INFINITY } = this.#plan;
    this.#met++;
    if (this.#met <= spare || this.#struck >= times) return this.#true;
    this.#struck++;
    return (fault === 'wrong' ? this.#liar : this.#nodes[fault]) ?? this.#true;
  }
}

function away(): WorldError {
  return new WorldError('node-down', 'the node does not answer', 'Start it.');
}
