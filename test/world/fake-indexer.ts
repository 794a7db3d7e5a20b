import type { Asset } from '../../src/core/asset/asset-codec.ts';
import { counterparty } from '../../src/core/asset/counterparty.ts';
import { bytesToHex } from '../../src/core/base/bytes.ts';
import { height } from '../../src/core/base/height.ts';
import { outpointKey, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import type { AssetHolding, Chain, Indexer } from '../../src/engine/ports.ts';

interface Coin {
  readonly script: string;
  readonly height: number;
}

/**
 * Follows an asset through the blocks of a chain by Counterparty's rules for a classic send: it goes from the address of the first input to that of the
 * first output, and never more than is there. Reads the whole chain at each question, so that no reorganisation confuses it.
 */
export class FakeIndexer implements Indexer {
  readonly #chain: Chain;
  readonly #asset: bigint;
  readonly #issued = new Map<string, bigint>();

  constructor(chain: Chain, { number }: Asset) {
    this.#chain = chain;
    this.#asset = number;
  }

  /** So much that an output script had before the first block. */
  issue(script: Uint8Array, quantity: bigint): void {
    this.#issued.set(bytesToHex(script), quantity);
  }

  readonly holding = async ({ number }: Asset, script: Uint8Array, depth: number): Promise<AssetHolding> => {
    const { height: tip } = await this.#chain.tip();
    const balances = new Map(this.#issued);
    const coins = new Map<string, Coin>();
    for (let at = 0; at <= tip; at++) {
      const block = await this.#chain.block(height(at));
      for (const { transaction } of block?.transactions ?? []) {
        if (at <= tip - depth + 1) this.#move(transaction, coins, balances);
        spend(transaction, at, coins);
      }
    }
    const key = bytesToHex(script);
    const ages = [...coins.values()].filter((coin) => coin.script === key).map((coin) => tip - coin.height + 1);
    return { quantity: number === this.#asset ? (balances.get(key) ?? 0n) : 0n, oldest: Math.max(0, ...ages) };
  };

  /** What a script has now. */
  async balance(asset: Asset, script: Uint8Array): Promise<bigint> {
    return (await this.holding(asset, script, 1)).quantity;
  }

  #move(transaction: Transaction, coins: ReadonlyMap<string, Coin>, balances: Map<string, bigint>): void {
    const send = counterparty.read(transaction);
    const [first] = transaction.inputs;
    const source = first && coins.get(outpointKey(first.outpoint))?.script;
    const to = send && transaction.outputs[send.to];
    if (send?.asset !== this.#asset || source === undefined || to === undefined) return;
    const had = balances.get(source) ?? 0n;
    const moved = send.quantity < had ? send.quantity : had;
    balances.set(source, had - moved);
    const receiver = bytesToHex(to.script);
    balances.set(receiver, (balances.get(receiver) ?? 0n) + moved);
  }
}

function spend(transaction: Transaction, at: number, coins: Map<string, Coin>): void {
  for (const { outpoint } of transaction.inputs) coins.delete(outpointKey(outpoint));
  const txid = transactionId(transaction);
  for (const [vout, { script }] of transaction.outputs.entries()) {
    coins.set(outpointKey({ txid, vout }), { script: bytesToHex(script), height: at });
  }
}
