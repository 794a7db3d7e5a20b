import type { Regtest } from '../../chain/regtest/regtest.ts';
import { type Amount, amount } from '../../core/base/amount.ts';
import { type TxId, txId } from '../../core/base/bytes.ts';
import { height } from '../../core/base/height.ts';
import { type Transaction, transactionId, transactionSize } from '../../core/tx/transaction.ts';

/** A transaction of the story, as it is in the chain. Amounts are koinu, sizes bytes. */
export interface OnChain {
  readonly role: 'funding' | 'close' | 'refund';
  readonly txid: TxId;
  readonly size: number;
  readonly fee: Amount;
  readonly height: number;
}

/** Reads a mined transaction back from the chain, with its fee. @throws Error when it is in no block. */
export function onChain(regtest: Regtest, role: OnChain['role'], transaction: Transaction): OnChain {
  const txid = transactionId(transaction);
  const known = new Map<string, Transaction>();
  let mined: number | undefined;
  for (let at = 0; at <= regtest.tip.height; at++) {
    for (const entry of regtest.block(height(at))?.transactions ?? []) {
      known.set(entry.txid, entry.transaction);
      if (entry.txid === txid) mined = at;
    }
  }
  if (mined === undefined) throw new Error(`${txid} is in no block`);
  const spent = transaction.inputs.map(({ outpoint }) => known.get(txId(outpoint.txid))?.outputs[outpoint.vout]?.value ?? 0n);
  const fee = amount(sum(spent) - sum(transaction.outputs.map(({ value }) => value)));
  return { role, txid, size: transactionSize(transaction), fee, height: mined };
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n);
}
