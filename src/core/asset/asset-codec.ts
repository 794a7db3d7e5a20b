import type { TxId } from '../base/bytes.ts';
import type { Transaction, TxOutput } from '../tx/transaction.ts';

/** So much of an asset. */
export interface AssetAmount {
  /** The asset by its number. */
  readonly asset: bigint;
  /** In the smallest unit of the asset; how many make a whole one only the asset's issuance says. */
  readonly quantity: bigint;
}

/** What a transaction's data says it moves. It is a word only: whether the sender had so much follows from all that was sent before. */
export interface AssetSend extends AssetAmount {
  /** The output to whose address it goes. */
  readonly to: number;
}

/** How sends of assets stand in transactions. Coins are carriers there: their outputs say nothing of the asset. */
export interface AssetCodec {
  readonly id: string;
  /** The name that people have for an asset; undefined where the number is none. */
  readonly nameOf: (asset: bigint) => string | undefined;
  /** The number of a name; undefined where there is no such asset. */
  readonly assetOf: (name: string) => bigint | undefined;
  /**
   * What has to stand right behind the output that it goes to, the first, in a transaction whose first input spends an output of `first`.
   * @throws RangeError when no such amount can be sent.
   */
  readonly outputs: (amount: AssetAmount, first: TxId) => readonly TxOutput[];
  /** Reads exactly what `outputs` writes. */
  readonly read: (transaction: Transaction) => AssetSend | undefined;
}

/** The chain's own coin: outputs alone move it, and no data stands for it. */
export const nativeCoin: AssetCodec = {
  id: 'native',
  nameOf: () => undefined,
  assetOf: () => undefined,
  outputs: () => [],
  read: () => undefined,
};
