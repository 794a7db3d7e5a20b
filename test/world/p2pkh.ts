import { type Amount, amount, feeFor } from '../../src/core/base/amount.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { p2pkh, script } from '../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../src/core/tx/sighash.ts';
import { encodeSignature, type Signer } from '../../src/core/tx/sign.ts';
import type { Outpoint, Transaction, TxOutput } from '../../src/core/tx/transaction.ts';

/** An output that pays to the hash of a key. */
export interface KeyOutput {
  readonly outpoint: Outpoint;
  readonly value: Amount;
  readonly owner: Signer;
}

export interface SpendOptions {
  /** Taken off the one output; at the coin's usual rate unless given. */
  readonly fee?: Amount;
  /** Instead of one output back to the owner. */
  readonly outputs?: readonly TxOutput[];
  readonly lockTime?: number;
  /** 0xfffffffd unless given: replaceable, and locks count. */
  readonly sequence?: number;
  /** Who signs; somebody else than the owner makes the spend invalid. */
  readonly signer?: Signer;
}

/** One input, one output, largest signatures. */
const SIZE = 192;

/** Spends one P2PKH output. */
export function spend(coin: Coin, { outpoint, value, owner }: KeyOutput, options: SpendOptions = {}): Transaction {
  const fee = options.fee ?? feeFor(SIZE, coin.policy.feeRate);
  const own = p2pkh(owner.publicKey);
  const unsigned = {
    version: 2,
    inputs: [{ outpoint, script: new Uint8Array(), sequence: options.sequence ?? 0xffff_fffd }],
    outputs: options.outputs ?? [{ value: amount(value - fee), script: own }],
    lockTime: options.lockTime ?? 0,
  };
  const signature = (options.signer ?? owner).sign(signatureHash(unsigned, 0, own, SIGHASH.ALL));
  const unlock = script(encodeSignature(signature, SIGHASH.ALL), owner.publicKey);
  return { ...unsigned, inputs: unsigned.inputs.map((input) => ({ ...input, script: unlock })) };
}
