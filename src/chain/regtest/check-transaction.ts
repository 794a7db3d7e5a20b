import { type Outpoint, outpointKey, type Transaction, transactionSize } from '../../core/tx/transaction.ts';

export const MAX_BLOCK_SIZE = 1_000_000;
export const MAX_BLOCK_SIGOPS = 20_000;
const NULL_TXID = '0'.repeat(64);
const NULL_VOUT = 0xffff_ffff;

export function isNullOutpoint(outpoint: Outpoint): boolean {
  return outpoint.vout === NULL_VOUT && outpoint.txid === NULL_TXID;
}

export function isCoinbase(tx: Transaction): boolean {
  const [first, ...rest] = tx.inputs;
  return first !== undefined && rest.length === 0 && isNullOutpoint(first.outpoint);
}

/** Whether the transaction can be valid on any chain of money up to `maxMoney` (`CheckTransaction`): undefined, or the node's reason. */
export function checkTransaction(tx: Transaction, maxMoney: bigint): string | undefined {
  if (tx.inputs.length === 0) return 'bad-txns-vin-empty';
  if (tx.outputs.length === 0) return 'bad-txns-vout-empty';
  if (transactionSize(tx) > MAX_BLOCK_SIZE) return 'bad-txns-oversize';
  return checkOutputs(tx, maxMoney) ?? checkInputs(tx);
}

function checkOutputs(tx: Transaction, maxMoney: bigint): string | undefined {
  let total = 0n;
  for (const { value } of tx.outputs) {
    if (BigInt.asIntN(64, value) < 0n) return 'bad-txns-vout-negative';
    if (value > maxMoney) return 'bad-txns-vout-toolarge';
    total += value;
    if (total > maxMoney) return 'bad-txns-txouttotal-toolarge';
  }
  return undefined;
}

function checkInputs(tx: Transaction): string | undefined {
  if (new Set(tx.inputs.map(({ outpoint }) => outpointKey(outpoint))).size !== tx.inputs.length) return 'bad-txns-inputs-duplicate';
  if (isCoinbase(tx)) {
    const length = tx.inputs[0]?.script.length ?? 0;
    return length < 2 || length > 100 ? 'bad-cb-length' : undefined;
  }
  return tx.inputs.some(({ outpoint }) => isNullOutpoint(outpoint)) ? 'bad-txns-prevout-null' : undefined;
}
