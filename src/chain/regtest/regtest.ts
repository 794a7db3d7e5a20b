import { type Amount, amount } from '../../core/base/amount.ts';
import type { TxId } from '../../core/base/bytes.ts';
import { height as heightOf } from '../../core/base/height.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { Cost } from '../../core/contract/fee.ts';
import { scriptOf } from '../../core/tx/address.ts';
import type { Verify } from '../../core/tx/sign.ts';
import { type Outpoint, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import type { Block, Tip, UnspentOutput } from '../../engine/ports.ts';
import { type NamedTransaction, name, type RawBlock } from './block.ts';
import type { MinerPolicy } from './block-assembler.ts';
import type { AcceptOptions, TxRefusal } from './candidate.ts';
import { BlockChain, type BlockEntry, type Submission } from './chain.ts';
import { Faucet } from './faucet.ts';
import { Mempool } from './mempool.ts';
import { assemble } from './miner.ts';

export interface RegtestOptions {
  /** `dogecoin-regtest` or `litecoin-regtest`. */
  readonly coin: Coin;
  /** Unix time in milliseconds; the system's clock unless given. */
  readonly now?: () => number;
  /** How `broadcast` accepts transactions by default: as the network does (`peer`, the default), or as one's own node does. */
  readonly relay?: AcceptOptions['relay'];
  readonly verify?: Verify;
  /** Called for every change that is needed to build the same chain again; see `save-chain.ts`. */
  readonly record?: (event: ChainEvent) => void;
}

export type ChainEvent =
  | { readonly kind: 'block'; readonly block: RawBlock }
  | { readonly kind: 'invalidate' | 'reconsider'; readonly hash: string }
  | { readonly kind: 'key' };

/** The result for a transaction that was handed in, with the node's own words if it refused. */
export type Outcome =
  | { readonly kind: 'accepted' | 'already-known' | 'already-mined'; readonly txid: TxId }
  | { readonly kind: 'missing-inputs' }
  | TxRefusal;

export interface MineOptions {
  /** Receiver of the reward: an address or an output script; the faucet unless given. */
  readonly payTo?: string | Uint8Array;
  /** Header time in Unix seconds. A miner may choose one up to two hours ahead, and must choose one after the median time. */
  readonly time?: number;
  /** Rate per 1,000 bytes below which this miner takes nothing (`-blockmintxfee`); the default miners' rate unless given. */
  readonly minFeeRate?: Amount;
  /**
   * Bytes of the block for old coins, whatever they pay (`-blockprioritysize`). Unless given, the default miners' value: 27,000 on Dogecoin and none
   * on Litecoin; none where `minFeeRate` is given.
   */
  readonly prioritySize?: number;
}

/** A whole chain in one object: blocks, mempool, miner and a faucet. Every call answers at once, and the same calls give the same chain. */
export class Regtest {
  readonly coin: Coin;
  readonly chain: BlockChain;
  readonly pool: Mempool;
  readonly faucet: Faucet;
  readonly relay: AcceptOptions['relay'];
  readonly #record: (event: ChainEvent) => void;
  #mockTime: number | undefined;

  constructor(options: RegtestOptions) {
    const now = options.now ?? Date.now;
    this.coin = options.coin;
    this.relay = options.relay ?? 'peer';
    this.#record = options.record ?? (() => undefined);
    this.chain = new BlockChain({
      coin: options.coin,
      now: () => (this.#mockTime === undefined ? now() : this.#mockTime * 1000),
      onChange: (change) => this.pool.follow(change),
      ...(options.verify === undefined ? {} : { verify: options.verify }),
    });
    this.pool = new Mempool(this.chain);
    this.faucet = new Faucet(this.chain, this.pool);
  }

  /** Stops the clock at a Unix time in seconds, or lets it run again. */
  setTime(seconds: number | undefined): void {
    this.#mockTime = seconds;
  }

  get tip(): Tip {
    const { height, block } = this.chain.tip;
    return { height: heightOf(height), hash: block.hash };
  }

  block(height: number): Block | undefined {
    const entry = this.chain.at(height);
    return entry === undefined ? undefined : asBlock(entry);
  }

  output(outpoint: Outpoint): UnspentOutput | undefined {
    const coin = this.pool.unspent(outpoint);
    if (coin === undefined) return undefined;
    const depth = this.chain.tip.height - coin.height + 1;
    return { value: amount(coin.output.value), script: coin.output.script, depth, coinbase: coin.coinbase };
  }

  /** In the mempool, or mined with an unspent output: nodes without an index know no others. */
  transaction(txid: TxId): { readonly transaction: Transaction; readonly depth: number; readonly block?: string } | undefined {
    const unconfirmed = this.pool.get(txid);
    if (unconfirmed !== undefined) return { transaction: unconfirmed.transaction, depth: 0 };
    const entry = this.chain.at(this.chain.coins.heightOf(txid) ?? -1);
    const named = entry?.block.transactions.find((one) => one.txid === txid);
    if (entry === undefined || named === undefined) return undefined;
    return { transaction: named.transaction, depth: this.chain.tip.height - entry.height + 1, block: entry.block.hash };
  }

  /** In order of entry. */
  mempool(): TxId[] {
    return this.pool.entries().map(({ txid }) => txid);
  }

  /** What a transaction in the mempool pays, what its descendants pay, and the number of its ancestors. */
  waiting(txid: TxId): (Cost & { readonly ancestors: number }) | undefined {
    const family = this.pool.familyOf(txid);
    if (family === undefined) return undefined;
    const { fee, size } = family.entry;
    const burden = amount(family.descendants.reduce((sum, one) => sum + one.fee, 0n));
    return { fee: amount(fee), size, burden, ancestors: family.ancestors.length };
  }

  /** Gives a transaction to the node (`sendrawtransaction`). */
  broadcast(transaction: Transaction, options: Partial<AcceptOptions> = {}): Outcome {
    const txid = transactionId(transaction);
    if (this.pool.get(txid) !== undefined) return { kind: 'already-known', txid };
    if (this.chain.coins.knows(txid)) return { kind: 'already-mined', txid };
    const acceptance = this.pool.accept(transaction, { relay: this.relay, maxFee: this.coin.policy.maxFee, ...options });
    return acceptance.kind === 'accepted' ? { kind: 'accepted', txid } : acceptance;
  }

  /** Mines `count` blocks from the mempool; returns their hashes. */
  mine(count: number, options: MineOptions = {}): string[] {
    return Array.from({ length: count }, () => {
      const entries = this.pool.template(this.#minerPolicy(options));
      const fees = entries.reduce((sum, { fee }) => sum + fee, 0n);
      const transactions = entries.map(({ transaction }) => transaction);
      const mined = this.#mineBlock(transactions, fees, options);
      if (mined.kind === 'refused') throw new Error(`the chain refused a block made of its own mempool: ${mined.reason}`);
      return mined.hash;
    });
  }

  #minerPolicy({ minFeeRate, prioritySize }: MineOptions): MinerPolicy {
    const { rules } = this.chain;
    return {
      minRate: minFeeRate ?? rules.minerFeeRate,
      prioritySize: prioritySize ?? (minFeeRate === undefined ? rules.prioritySize : 0),
      maxSize: rules.maxMinedSize,
    };
  }

  /** Mines one block of exactly these transactions without any policy, as a miner could: only consensus can refuse it. The fees go to nobody. */
  mineBlock(transactions: readonly Transaction[], options: MineOptions = {}): Mined {
    return this.#mineBlock(transactions, 0n, options);
  }

  #mineBlock(transactions: readonly Transaction[], fees: bigint, { payTo, time }: MineOptions): Mined {
    const template = { payTo: this.#scriptOf(payTo), transactions, fees, ...(time === undefined ? {} : { time }) };
    const block = assemble(this.chain, template);
    const reason = this.chain.test(block);
    if (reason !== undefined) return { kind: 'refused', reason };
    this.submit(block);
    return { kind: 'mined', hash: block.hash };
  }

  /** Takes a block from anyone: on the tip, or on a branch that may become the best chain. */
  submit(block: RawBlock): Submission {
    const submission = this.chain.submit(block);
    if (submission.kind === 'connected' || submission.kind === 'side-branch') this.#record({ kind: 'block', block });
    return submission;
  }

  /** Removes a block and all after it from the chain; their transactions return to the mempool if they are still valid. False: no such block. */
  invalidate(hash: string): boolean {
    const isKnown = this.chain.invalidate(hash);
    if (isKnown) this.#record({ kind: 'invalidate', hash });
    return isKnown;
  }

  reconsider(hash: string): boolean {
    const isKnown = this.chain.reconsider(hash);
    if (isKnown) this.#record({ kind: 'reconsider', hash });
    return isKnown;
  }

  /** A new address of the faucet. */
  newAddress(): string {
    this.#record({ kind: 'key' });
    return this.faucet.freshAddress();
  }

  /** Pays `value` from the faucet to an address or output script, unconfirmed; undefined when it does not have that much. */
  fund(payTo: string | Uint8Array, value: Amount): NamedTransaction | undefined {
    const transaction = this.faucet.prepare([{ value, script: this.#scriptOf(payTo) }]);
    if (transaction === undefined) return undefined;
    const outcome = this.broadcast(transaction);
    if (outcome.kind !== 'accepted') throw new Error(`the chain refused its own faucet: ${JSON.stringify(outcome)}`);
    return name(transaction);
  }

  #scriptOf(payTo: string | Uint8Array = this.faucet.script): Uint8Array {
    const script = typeof payTo === 'string' ? scriptOf(this.coin, payTo) : payTo;
    if (script === undefined) throw new TypeError(`${String(payTo)} is no address of ${this.coin.id}`);
    return script;
  }
}

export type Mined = { readonly kind: 'mined'; readonly hash: string } | { readonly kind: 'refused'; readonly reason: string };

export function createRegtest(options: RegtestOptions): Regtest {
  return new Regtest(options);
}

function asBlock({ height, block }: BlockEntry): Block {
  return { height: heightOf(height), hash: block.hash, previous: block.header.previous, transactions: block.transactions };
}
