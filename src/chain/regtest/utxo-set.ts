import type { TxId } from '../../core/base/bytes.ts';
import { OP } from '../../core/tx/script.ts';
import type { Outpoint, TxOutput } from '../../core/tx/transaction.ts';
import type { NamedTransaction } from './block.ts';
import { isCoinbase } from './check-transaction.ts';

/** An unspent output and where it comes from. */
export interface UnspentCoin {
  readonly output: TxOutput;
  /** Height of its block; one above the tip for an output in the mempool. */
  readonly height: number;
  readonly coinbase: boolean;
  /** Version of the transaction that made it. */
  readonly version: number;
}

/** The unspent outputs of one transaction, as Dogecoin Core 1.14 keeps them: a transaction is known while it has one. */
interface TransactionCoins {
  readonly height: number;
  readonly coinbase: boolean;
  readonly version: number;
  readonly outputs: (TxOutput | undefined)[];
}

/** What one block did to the set, in order; undone in reverse. */
export type CoinChange =
  | { readonly kind: 'made'; readonly txid: TxId }
  | { readonly kind: 'spent'; readonly outpoint: Outpoint; readonly coin: UnspentCoin };

const MAX_SCRIPT_SIZE = 10_000;

/** True for outputs that no input can ever spend: they are not kept (`CScript::IsUnspendable`). */
export function isUnspendable(script: Uint8Array): boolean {
  return script[0] === OP.RETURN || script.length > MAX_SCRIPT_SIZE;
}

/** The set of unspent outputs of the best chain. */
export class Coins {
  readonly #byTransaction = new Map<TxId, TransactionCoins>();

  get transactions(): number {
    return this.#byTransaction.size;
  }

  /** True while the transaction has an unspent output. */
  knows(txid: TxId): boolean {
    return this.#byTransaction.has(txid);
  }

  /** Height of the block that holds a transaction with an unspent output. */
  heightOf(txid: TxId): number | undefined {
    return this.#byTransaction.get(txid)?.height;
  }

  find(outpoint: Outpoint): UnspentCoin | undefined {
    const coins = this.#byTransaction.get(outpoint.txid);
    const output = coins?.outputs[outpoint.vout];
    if (coins === undefined || output === undefined) return undefined;
    return { output, height: coins.height, coinbase: coins.coinbase, version: coins.version };
  }

  *all(): Generator<{ readonly outpoint: Outpoint; readonly coin: UnspentCoin }> {
    for (const [txid, coins] of this.#byTransaction) {
      for (const [vout, output] of coins.outputs.entries()) {
        if (output === undefined) continue;
        yield { outpoint: { txid, vout }, coin: { output, height: coins.height, coinbase: coins.coinbase, version: coins.version } };
      }
    }
  }

  /** Removes the outputs that a transaction spends and adds those that it makes. The inputs must exist: the caller checks that first. */
  apply({ txid, transaction }: NamedTransaction, height: number): CoinChange[] {
    const changes: CoinChange[] = [];
    const coinbase = isCoinbase(transaction);
    if (!coinbase) for (const { outpoint } of transaction.inputs) changes.push(this.#spend(outpoint));
    const outputs = transaction.outputs.map((output) => (isUnspendable(output.script) ? undefined : output));
    if (outputs.some((output) => output !== undefined)) {
      this.#byTransaction.set(txid, { height, coinbase, version: transaction.version, outputs });
    }
    changes.push({ kind: 'made', txid });
    return changes;
  }

  /** Undoes changes, last first. */
  undo(changes: readonly CoinChange[]): void {
    for (const change of changes.toReversed()) {
      if (change.kind === 'made') this.#byTransaction.delete(change.txid);
      else this.#restore(change.outpoint, change.coin);
    }
  }

  #spend(outpoint: Outpoint): CoinChange {
    const coin = this.find(outpoint);
    const coins = this.#byTransaction.get(outpoint.txid);
    if (coin === undefined || coins === undefined) throw new Error(`${outpoint.txid}:${outpoint.vout} is not there to be spent`);
    coins.outputs[outpoint.vout] = undefined;
    if (coins.outputs.every((output) => output === undefined)) this.#byTransaction.delete(outpoint.txid);
    return { kind: 'spent', outpoint, coin };
  }

  #restore({ txid, vout }: Outpoint, { output, height, coinbase, version }: UnspentCoin): void {
    const coins = this.#byTransaction.get(txid) ?? { height, coinbase, version, outputs: [] };
    coins.outputs[vout] = output;
    this.#byTransaction.set(txid, coins);
  }
}
