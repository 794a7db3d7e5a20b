import { p2pkh, script } from '../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../src/core/tx/sighash.ts';
import { encodeSignature, type Signer } from '../../src/core/tx/sign.ts';
import { type Outpoint, type Transaction, type TxOutput, transactionId } from '../../src/core/tx/transaction.ts';

/** An output that a thief can spend: its own change of what is to be held up. */
export interface Pinned {
  readonly transaction: Transaction;
  readonly vout: number;
  readonly owner: Signer;
}

/** Bytes of an output, and of the rest of a transaction with one P2PKH input. */
const OUTPUT = 34;
const REST = 158;

/** One child of about so many bytes that pays `fee`: what takes its parent's place has to pay that as well (BIP125 rule 3). All else stays the thief's. */
export function heavyChild(
  { transaction, vout, owner }: Pinned,
  { bytes, fee }: { readonly bytes: number; readonly fee: bigint },
): Transaction {
  const value = (transaction.outputs[vout]?.value ?? 0n) - fee;
  const count = Math.max(1, Math.floor((bytes - REST) / OUTPUT));
  const each = value / BigInt(count);
  const outputs = Array.from({ length: count }, (_, i) => ({
    value: i === 0 ? value - each * BigInt(count - 1) : each,
    script: p2pkh(owner.publicKey),
  }));
  return spend({ txid: transactionId(transaction), vout }, owner, outputs);
}

/** A line of children, each of the one before, that each pay `fee`: they fill the family that nodes let a transaction have. */
export function lightChildren(
  { transaction, vout, owner }: Pinned,
  { count, fee }: { readonly count: number; readonly fee: bigint },
): readonly Transaction[] {
  const children: Transaction[] = [];
  let last = { txid: transactionId(transaction), vout };
  let value = transaction.outputs[vout]?.value ?? 0n;
  for (let i = 0; i < count; i++) {
    value -= fee;
    const child = spend(last, owner, [{ value, script: p2pkh(owner.publicKey) }]);
    children.push(child);
    last = { txid: transactionId(child), vout: 0 };
  }
  return children;
}

/** Spends a P2PKH output of the owner's. It says that it may be replaced. */
export function spend(outpoint: Outpoint, owner: Signer, outputs: readonly TxOutput[]): Transaction {
  const bare = { version: 2, inputs: [{ outpoint, script: new Uint8Array(), sequence: 0xffff_fffd }], outputs, lockTime: 0 };
  const signature = encodeSignature(owner.sign(signatureHash(bare, 0, p2pkh(owner.publicKey), SIGHASH.ALL)), SIGHASH.ALL);
  return { ...bare, inputs: bare.inputs.map((input) => ({ ...input, script: script(signature, owner.publicKey) })) };
}
