import type { TxId } from '../../core/base/bytes.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import type { BlockChain } from './chain.ts';
import type { Reason } from './check-inputs.ts';
import type { CoinAge, MempoolEntry, MempoolGraph } from './mempool-graph.ts';
import type { UnspentCoin } from './utxo-set.ts';

export { REJECT } from './reject-codes.ts';

export interface TxRefusal extends Reason {
  readonly kind: 'refused';
  readonly code: number;
}

export interface AcceptOptions {
  /**
   * `local`: as a node accepts transactions from its own user. `peer`: as its peers accept them from the node; on Dogecoin they ask for the surcharge
   * on soft dust and accept nothing for free (`net_processing.cpp`, fLimitFree). No difference on Litecoin.
   */
  readonly relay: 'local' | 'peer';
  /** A higher fee is refused as a mistake: a total on Dogecoin, per 1,000 bytes on Litecoin. Zero: no limit. */
  readonly maxFee: bigint;
  /** It came with a witness. */
  readonly hasWitness?: boolean;
}

export type Acceptance =
  | { readonly kind: 'accepted'; readonly entry: MempoolEntry; readonly replaces: readonly MempoolEntry[] }
  | { readonly kind: 'missing-inputs' }
  | TxRefusal;

/** A transaction that is about to enter the mempool, with its inputs found. */
export interface Candidate {
  readonly coin: Coin;
  readonly chain: BlockChain;
  readonly graph: MempoolGraph;
  readonly options: AcceptOptions;
  readonly transaction: Transaction;
  readonly txid: TxId;
  readonly coins: readonly UnspentCoin[];
  readonly conflicts: readonly MempoolEntry[];
  readonly size: number;
  readonly sigOps: number;
  readonly age: CoinAge;
  /** Negative when it spends more than it has: not every node checks that first. */
  readonly fee: bigint;
}

export function refuse(code: number, reason: string, debug?: string): TxRefusal {
  return debug === undefined ? { kind: 'refused', code, reason } : { kind: 'refused', code, reason, debug };
}
