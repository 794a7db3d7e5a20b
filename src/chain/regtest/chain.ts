import type { Coin } from '../../core/coin/coin.ts';
import { type Verify, verifyPortable } from '../../core/tx/sign.ts';
import { genesisBlock, type RawBlock } from './block.ts';
import { type ChainRules, chainRules } from './chain-params.ts';
import { ScriptCache } from './script-cache.ts';
import { type CoinChange, Coins } from './utxo-set.ts';
import { type BlockContext, type Connection, checkAlone, checkBlock, checkTemplate, connectBlock } from './validate-block.ts';

const MEDIAN_SPAN = 11;

/** A block in the tree of all blocks seen, on the best chain or not. */
export interface BlockEntry {
  readonly block: RawBlock;
  readonly height: number;
  readonly parent: BlockEntry | undefined;
  /** Median of the last eleven block times including this one, seconds (`GetMedianTimePast`). */
  readonly medianTime: number;
}

/** A change of the best chain: blocks that left it, tip first, and blocks that joined it, lowest first. */
export interface TipChange {
  readonly disconnected: readonly BlockEntry[];
  readonly connected: readonly BlockEntry[];
}

export type Submission =
  | { readonly kind: 'connected' | 'side-branch' | 'duplicate'; readonly entry: BlockEntry }
  | { readonly kind: 'refused'; readonly reason: string };

export interface ChainOptions {
  readonly coin: Coin;
  /** Unix time in milliseconds. No block may be more than two hours ahead of it; blocks that are read back from a file are not checked again. */
  readonly now: () => number;
  readonly verify?: Verify;
  /** Called after the best chain has changed, with the new chain in place. */
  readonly onChange?: (change: TipChange) => void;
}

/**
 * Blocks, the best chain among them, and its unspent outputs. The best chain is the highest valid one, at equal height the one seen first: on regtest
 * every block has the same work. Proof of work is not checked; all other rules are.
 */
export class BlockChain {
  readonly coin: Coin;
  readonly rules: ChainRules;
  readonly coins: Coins = new Coins();
  readonly scripts: ScriptCache = new ScriptCache();
  readonly verify: Verify;
  readonly #now: () => number;
  readonly #onChange: (change: TipChange) => void;
  readonly #entries = new Map<string, BlockEntry>();
  readonly #undo = new Map<BlockEntry, readonly CoinChange[]>();
  readonly #marked = new Set<BlockEntry>();
  readonly #best: BlockEntry[] = [];

  constructor(options: ChainOptions) {
    this.coin = options.coin;
    this.rules = chainRules(options.coin);
    this.verify = options.verify ?? verifyPortable;
    this.#now = options.now;
    this.#onChange = options.onChange ?? (() => undefined);
    const block = genesisBlock(this.rules);
    if (block.hash !== options.coin.genesis) throw new Error(`block 0 of ${options.coin.id} hashes to ${block.hash}`);
    this.#best.push(this.#enter(block, undefined));
  }

  get tip(): BlockEntry {
    const tip = this.#best.at(-1);
    if (tip === undefined) throw new Error('the chain has no block 0');
    return tip;
  }

  /** Blocks seen, on any branch. */
  get blocksSeen(): number {
    return this.#entries.size;
  }

  /** The block at `height` on the best chain. */
  at(height: number): BlockEntry | undefined {
    return this.#best[height];
  }

  find(hash: string): BlockEntry | undefined {
    return this.#entries.get(hash);
  }

  isBest(entry: BlockEntry): boolean {
    return this.#best[entry.height] === entry;
  }

  /** What the clock says: Unix time in seconds. */
  get clock(): number {
    return Math.floor(this.#now() / 1000);
  }

  /** The time that miners use, in seconds: the clock's, but never before the tip's median time. */
  get time(): number {
    return Math.max(this.clock, this.tip.medianTime);
  }

  medianTimeAt(height: number): number {
    return this.#best[height]?.medianTime ?? 0;
  }

  /** Takes a block from anyone. It may extend the best chain, start or extend a branch, or make a branch the best chain. */
  submit(block: RawBlock): Submission {
    const known = this.#entries.get(block.hash);
    if (known !== undefined)
      return this.#isInvalid(known) ? { kind: 'refused', reason: 'duplicate-invalid' } : { kind: 'duplicate', entry: known };
    const parent = this.#entries.get(block.header.previous);
    const reason =
      parent === undefined || this.#isInvalid(parent)
        ? (checkAlone(block, this.rules) ?? (parent === undefined ? this.rules.orphan : 'bad-prevblk'))
        : checkBlock(block, this.#contextAfter(parent));
    if (parent === undefined || reason !== undefined) return { kind: 'refused', reason: reason ?? this.rules.orphan };
    const entry = this.#enter(block, parent);
    const failure = entry.height > this.tip.height ? this.#settle(entry) : undefined;
    if (failure !== undefined) return { kind: 'refused', reason: failure };
    return { kind: this.isBest(entry) ? 'connected' : 'side-branch', entry };
  }

  /** Whether the block would connect to the tip: undefined when it would, else the node's reason. Nothing changes. */
  test(block: RawBlock): string | undefined {
    const context = this.#contextAfter(this.tip);
    const reason = checkTemplate(block, context);
    if (reason !== undefined) return reason;
    const connection = this.#connect(block, this.tip);
    if (connection.kind === 'refused') return connection.reason;
    this.coins.undo(connection.changes);
    return undefined;
  }

  /** Excludes a block and all its descendants from the best chain (`invalidateblock`). False when the block is unknown or block 0. */
  invalidate(hash: string): boolean {
    const entry = this.#entries.get(hash);
    if (entry?.parent === undefined) return false;
    this.#marked.add(entry);
    const disconnected: BlockEntry[] = [];
    if (this.isBest(entry)) this.#retreat(entry.parent, disconnected, []);
    this.#settle(this.#highest(), disconnected);
    return true;
  }

  /** Removes every such mark from a block, its ancestors and its descendants (`reconsiderblock`). False when the block is unknown. */
  reconsider(hash: string): boolean {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return false;
    for (const marked of this.#marked) {
      if (descendsFrom(marked, entry) || descendsFrom(entry, marked)) this.#marked.delete(marked);
    }
    this.#settle(this.#highest());
    return true;
  }

  #contextAfter(parent: BlockEntry): BlockContext {
    return { coin: this.coin, rules: this.rules, height: parent.height + 1, medianTime: parent.medianTime, now: this.clock };
  }

  #connect(block: RawBlock, parent: BlockEntry): Connection {
    return connectBlock(block, this.coins, {
      ...this.#contextAfter(parent),
      medianTimeAt: (height) => this.medianTimeAt(height),
      verify: this.verify,
      scripts: this.scripts,
    });
  }

  #enter(block: RawBlock, parent: BlockEntry | undefined): BlockEntry {
    const height = parent === undefined ? 0 : parent.height + 1;
    const entry = { block, height, parent, medianTime: medianTime(block, parent) };
    this.#entries.set(block.hash, entry);
    return entry;
  }

  #isInvalid(entry: BlockEntry): boolean {
    for (let at: BlockEntry | undefined = entry; at !== undefined && !this.isBest(at); at = at.parent) {
      if (this.#marked.has(at)) return true;
    }
    return false;
  }

  /** The highest valid block, the first seen among equals (`CBlockIndexWorkComparator`). */
  #highest(): BlockEntry {
    let best = this.#best[0] ?? this.tip;
    const invalid = new Set<BlockEntry | undefined>();
    for (const entry of this.#entries.values()) {
      if (this.#marked.has(entry) || invalid.has(entry.parent)) invalid.add(entry);
      else if (entry.height > best.height) best = entry;
    }
    return best;
  }

  /** Makes `target` the tip. If a block on the way breaks a rule, it is marked and the highest remaining branch is taken; returns the reason. */
  #settle(target: BlockEntry, disconnected: BlockEntry[] = []): string | undefined {
    const connected: BlockEntry[] = [];
    let reason: string | undefined;
    let goal = target;
    while (goal !== this.tip) {
      const path = this.#pathTo(goal);
      this.#retreat(path[0]?.parent ?? this.tip, disconnected, connected);
      const failure = this.#advance(path, connected);
      reason ??= failure;
      if (failure !== undefined) goal = this.#highest();
    }
    if (disconnected.length + connected.length > 0) this.#onChange({ disconnected, connected });
    return reason;
  }

  /** The blocks from the best chain up to `goal`, lowest first. */
  #pathTo(goal: BlockEntry): BlockEntry[] {
    const path: BlockEntry[] = [];
    for (let at: BlockEntry | undefined = goal; at !== undefined && !this.isBest(at); at = at.parent) path.push(at);
    return path.reverse();
  }

  #retreat(to: BlockEntry, disconnected: BlockEntry[], connected: BlockEntry[]): void {
    while (this.tip !== to) {
      const { tip } = this;
      this.coins.undo(this.#undo.get(tip) ?? []);
      this.#undo.delete(tip);
      this.#best.pop();
      if (connected.at(-1) === tip) connected.pop();
      else disconnected.push(tip);
    }
  }

  #advance(path: readonly BlockEntry[], connected: BlockEntry[]): string | undefined {
    for (const entry of path) {
      const connection = this.#connect(entry.block, this.tip);
      if (connection.kind === 'refused') {
        this.#marked.add(entry);
        return connection.reason;
      }
      this.#undo.set(entry, connection.changes);
      this.#best.push(entry);
      connected.push(entry);
    }
    return undefined;
  }
}

function medianTime(block: RawBlock, parent: BlockEntry | undefined): number {
  const times = [block.header.time];
  for (let at = parent; at !== undefined && times.length < MEDIAN_SPAN; at = at.parent) times.push(at.block.header.time);
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

function descendsFrom(entry: BlockEntry, ancestor: BlockEntry): boolean {
  let at: BlockEntry | undefined = entry;
  while (at !== undefined && at.height > ancestor.height) at = at.parent;
  return at === ancestor;
}
