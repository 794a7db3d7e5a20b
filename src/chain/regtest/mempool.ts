import type { TxId } from '../../core/base/bytes.ts';
import type { Outpoint, Transaction } from '../../core/tx/transaction.ts';
import { type MinerPolicy, selectForBlock } from './block-assembler.ts';
import type { Acceptance, AcceptOptions } from './candidate.ts';
import type { BlockChain, TipChange } from './chain.ts';
import { isCoinbase } from './check-transaction.ts';
import { examine, findCoin } from './mempool-acceptance.ts';
import { type MempoolEntry, MempoolGraph } from './mempool-graph.ts';
import type { UnspentCoin } from './utxo-set.ts';

const SECONDS_PER_HOUR = 3_600;
/** As the node accepts transactions again after a reorganisation: without the limits of its user. */
const READMISSION: AcceptOptions = { relay: 'local', maxFee: 0n };

/** An entry, its ancestors and its descendants, each once. */
export interface Family {
  readonly entry: MempoolEntry;
  readonly ancestors: readonly MempoolEntry[];
  readonly descendants: readonly MempoolEntry[];
}

/** The unconfirmed transactions of one node. Entries that are too old are dropped before each answer. */
export class Mempool {
  readonly #chain: BlockChain;
  #graph: MempoolGraph = new MempoolGraph();
  #expiredAt = 0;

  constructor(chain: BlockChain) {
    this.#chain = chain;
  }

  entries(): MempoolEntry[] {
    this.#expire();
    return this.#graph.entries();
  }

  get(txid: TxId): MempoolEntry | undefined {
    this.#expire();
    return this.#graph.get(txid);
  }

  /** A transaction in the mempool with its ancestors and descendants; undefined when it is not there. */
  familyOf(txid: TxId): Family | undefined {
    const entry = this.get(txid);
    if (entry === undefined) return undefined;
    return { entry, ancestors: this.#graph.ancestors(entry.transaction), descendants: this.#graph.descendants(entry) };
  }

  spenderOf(outpoint: Outpoint): MempoolEntry | undefined {
    this.#expire();
    return this.#graph.spenderOf(outpoint);
  }

  /** An output of chain or mempool that the mempool does not spend. */
  unspent(outpoint: Outpoint): UnspentCoin | undefined {
    return this.spenderOf(outpoint) === undefined ? findCoin(this.#chain, this.#graph, outpoint) : undefined;
  }

  /** Accepts the transaction, replacing others if necessary, or says why not. */
  accept(tx: Transaction, options: AcceptOptions): Acceptance {
    this.#expire();
    const acceptance = examine(this.#chain, this.#graph, tx, options);
    if (acceptance.kind === 'accepted') {
      for (const replaced of acceptance.replaces) this.#graph.removeWithDescendants(replaced);
      this.#graph.add(acceptance.entry);
    }
    return acceptance;
  }

  /** What this miner's next block would hold. */
  template(policy: MinerPolicy): MempoolEntry[] {
    this.#expire();
    return selectForBlock(this.#graph, policy, this.#chain.tip.height + 1);
  }

  /** Follows the best chain: mined transactions leave, with all that conflict; those freed by a reorganisation come back if they are still valid. */
  follow({ disconnected, connected }: TipChange): void {
    for (const { block } of connected) for (const { txid, transaction } of block.transactions) this.#confirm(txid, transaction);
    if (disconnected.length > 0) this.#readmit(disconnected.toReversed().flatMap(({ block }) => block.transactions));
  }

  #confirm(txid: TxId, tx: Transaction): void {
    const entry = this.#graph.get(txid);
    if (entry !== undefined) this.#graph.remove(entry);
    for (const { outpoint } of tx.inputs) {
      const rival = this.#graph.spenderOf(outpoint);
      if (rival !== undefined) this.#graph.removeWithDescendants(rival);
    }
  }

  /** Oldest first, freed transactions before those in the mempool: so parents come before children. */
  #readmit(freed: readonly { readonly transaction: Transaction }[]): void {
    const waiting = this.#graph.entries();
    this.#graph = new MempoolGraph();
    for (const { transaction } of freed) if (!isCoinbase(transaction)) this.#enter(transaction);
    for (const { transaction, time, height, age } of waiting) this.#enter(transaction, { time, height, age });
  }

  #enter(tx: Transaction, since?: Pick<MempoolEntry, 'time' | 'height' | 'age'>): void {
    const acceptance = examine(this.#chain, this.#graph, tx, READMISSION);
    if (acceptance.kind === 'accepted' && acceptance.replaces.length === 0) this.#graph.add({ ...acceptance.entry, ...since });
  }

  #expire(): void {
    if (this.#chain.clock === this.#expiredAt) return;
    this.#expiredAt = this.#chain.clock;
    const oldest = this.#chain.clock - this.#chain.rules.mempoolHours * SECONDS_PER_HOUR;
    for (const entry of this.#graph.entries()) if (entry.time < oldest) this.#graph.removeWithDescendants(entry);
  }
}
