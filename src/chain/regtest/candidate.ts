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
   * `local`: as a node takes transactions from its own user. `peer`: as its peers take them from it, who on Dogecoin ask for the surcharge
   * on soft dust and let nothing in for free (`net_processing.cpp`, fLimitFree). No difference on Litecoin.
   */
  readonly relay: 'local' | 'peer';
  /** Refuses more as a mistake: in all on Dogecoin, per 1,000 bytes on Litecoin. Zero: any fee will do. */
  readonly maxFee: bigint;
  /** It came with a witness. */
  readonly hasWitness?: boolean;
}

export type Acceptance =
  | { readonly kind: 'accepted'; readonly entry: MempoolEntry; readonly replaces: readonly MempoolEntry[] }
  | { readonly kind: 'missing-inputs' }
  | TxRefusal;

/** A transaction whose inputs have been found, on its way into the mempool. */
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
  /** Below zero when it spends more than it has: not every node looks at that first. */
  readonly fee: bigint;
}

export function refuse(code: number, reason: string, debug?: string): TxRefusal {
  return debug === undefined ? { kind: 'refused', code, reason } : { kind: 'refused', code, reason, debug };
}
