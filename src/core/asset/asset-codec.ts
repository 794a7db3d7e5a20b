import type { TxId } from '../base/bytes.ts';
import type { Transaction, TxOutput } from '../tx/transaction.ts';

export interface AssetAmount {
  readonly asset: bigint;
  /** In the asset's smallest unit; only its issuance says how many make a whole one. */
  readonly quantity: bigint;
}

/** What a transaction's data says it moves. This is a claim only: whether the sender had as much follows from all earlier sends. */
export interface AssetSend extends AssetAmount {
  /** The index of the output whose address gets it. */
  readonly to: number;
}

/** An asset that a transaction can move, and how it does that. */
export interface Asset {
  readonly codec: AssetCodec;
  readonly number: bigint;
}

/** How a transaction encodes the send of an asset. Its coins are only carriers: their values say nothing about the asset. */
export interface AssetCodec {
  readonly id: string;
  /** The name of an asset; undefined when no asset has the number. */
  readonly nameOf: (asset: bigint) => string | undefined;
  /** The number of an asset; undefined when no asset has the name. */
  readonly assetOf: (name: string) => bigint | undefined;
  /**
   * The outputs that must come right after the first output, which is the receiver's, in a transaction whose first input spends an output of `first`.
   * @throws RangeError when no such amount can be sent.
   */
  readonly outputs: (amount: AssetAmount, first: TxId) => readonly TxOutput[];
  /** Reads exactly what `outputs` writes. */
  readonly read: (transaction: Transaction) => AssetSend | undefined;
}

/** The chain's own coin: outputs move it, and there is no data for it. */
export const nativeCoin: AssetCodec = {
  id: 'native',
  nameOf: () => undefined,
  assetOf: () => undefined,
  outputs: () => [],
  read: () => undefined,
};
