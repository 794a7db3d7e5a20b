import { type Amount, add, amount, isAmount, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Transaction } from '../tx/transaction.ts';
import { capacityOf, type Deposit, type Terms } from './contract.ts';

/** The coins of an output, which pay for fees. */
export function coinsOf({ value, coins = value }: Deposit): Amount {
  return coins;
}

export function coinsIn(deposits: readonly Deposit[]): Amount {
  return add(...deposits.map(coinsOf));
}

/** What the payer pays for a close beside the total, in the channel's unit. */
export function closingCharge({ signing, asset }: Terms): Amount {
  return signing.kind === 'fixed' && asset === undefined ? signing.fee : ZERO;
}

/** What a transaction moves to outputs with this script, in the channel's unit. Of an asset: what its data says. */
export function movedTo({ asset }: Pick<Terms, 'asset'>, transactions: readonly Transaction[], script: Uint8Array): Amount {
  const paid = transactions.flatMap((one) => {
    if (asset === undefined) return one.outputs.filter((output) => equalBytes(output.script, script)).map(({ value }) => value);
    const send = sendIn(asset, one);
    const to = send && one.outputs[send.to];
    return send !== undefined && to !== undefined && equalBytes(to.script, script) ? [send.quantity] : [];
  });
  return add(ZERO, ...paid.filter(isAmount));
}

/** What an output of a transaction is worth in the channel's unit. */
export function worthAt({ asset }: Pick<Terms, 'asset'>, transaction: Transaction, vout: number): bigint {
  if (asset === undefined) return transaction.outputs[vout]?.value ?? 0n;
  const send = sendIn(asset, transaction);
  return send?.to === vout ? send.quantity : 0n;
}

/** What is left of these deposits at their script when a transaction has spent them. */
export function leftBy({ asset }: Pick<Terms, 'asset'>, transaction: Transaction, spent: readonly Deposit[]): Amount {
  if (asset === undefined || spent.length === 0) return ZERO;
  const [held, moved] = [capacityOf(spent), sendIn(asset, transaction)?.quantity ?? 0n];
  return moved < held ? amount(held - moved) : ZERO;
}

function sendIn({ codec, number }: NonNullable<Terms['asset']>, transaction: Transaction): ReturnType<typeof codec.read> {
  const send = codec.read(transaction);
  return send?.asset === number ? send : undefined;
}
