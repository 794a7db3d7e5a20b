import { sha256 } from '@noble/hashes/sha2.js';
import { type Amount, add, amount, feeFor, ZERO } from '../../core/base/amount.ts';
import { bytesToHex } from '../../core/base/bytes.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { addressOf } from '../../core/tx/address.ts';
import { p2pkh, reckonedBytes, script } from '../../core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../core/tx/sighash.ts';
import { encodeSignature, type Signer, signer } from '../../core/tx/sign.ts';
import type { Outpoint, Transaction, TxOutput } from '../../core/tx/transaction.ts';
import type { BlockChain } from './chain.ts';
import type { Mempool } from './mempool.ts';
import { softDustFee } from './policy.ts';
import type { UnspentCoin } from './utxo-set.ts';

const BASE_SIZE = 10;
const INPUT_SIZE = 149;
const OUTPUT_SIZE = 34;
const SEQUENCE = 0xffff_fffe;

interface OwnCoin {
  readonly outpoint: Outpoint;
  readonly coin: UnspentCoin;
}

/** The wallet of the embedded chain: it owns what is mined and gives it away. Its keys are the same in every run. */
export class Faucet {
  readonly #chain: BlockChain;
  readonly #pool: Mempool;
  readonly #coin: Coin;
  readonly #signers = new Map<string, Signer>();
  /** The output script of rewards unless another is given. */
  readonly script: Uint8Array;

  constructor(chain: BlockChain, pool: Mempool) {
    this.#chain = chain;
    this.#pool = pool;
    this.#coin = chain.coin;
    this.script = this.freshScript();
  }

  /** How many keys have been given out. */
  get keys(): number {
    return this.#signers.size;
  }

  /** The output script of a new key of its own. */
  freshScript(): Uint8Array {
    const seed = new TextEncoder().encode(`pawment faucet ${this.#coin.id} ${this.#signers.size}`);
    const key = signer(sha256(seed));
    const output = p2pkh(key.publicKey);
    this.#signers.set(bytesToHex(output), key);
    return output;
  }

  /** The address of a new key of its own. */
  freshAddress(): string {
    const address = addressOf(this.#coin, this.freshScript());
    if (address === undefined) throw new Error('a P2PKH script has an address');
    return address;
  }

  /** What it can spend now. */
  balance(): Amount {
    return add(ZERO, ...this.#spendable().map(({ coin }) => amount(coin.output.value)));
  }

  /** A signed transaction with `outputs` first and change last, at the coin's fee rate; undefined when it does not have that much. */
  prepare(outputs: readonly TxOutput[]): Transaction | undefined {
    const target = outputs.reduce((sum, { value }) => sum + value, 0n) + softDustFee({ ...EMPTY, outputs }, this.#chain.rules);
    const chosen: OwnCoin[] = [];
    let total = 0n;
    for (const own of this.#spendable()) {
      chosen.push(own);
      total += own.coin.output.value;
      const size =
        BASE_SIZE + INPUT_SIZE * chosen.length + outputs.reduce((sum, output) => sum + 9 + reckonedBytes(output.script), OUTPUT_SIZE);
      const rest = total - target - feeFor(size, this.#coin.policy.feeRate);
      if (rest >= 0n)
        return this.#sign(chosen, rest < this.#coin.policy.dust ? outputs : [...outputs, { value: rest, script: this.script }]);
    }
    return undefined;
  }

  #sign(chosen: readonly OwnCoin[], outputs: readonly TxOutput[]): Transaction {
    const inputs = chosen.map(({ outpoint }) => ({ outpoint, script: new Uint8Array(), sequence: SEQUENCE }));
    const unsigned: Transaction = { version: 2, inputs, outputs, lockTime: 0 };
    const signed = chosen.map(({ coin }, i) => {
      const key = this.#signers.get(bytesToHex(coin.output.script));
      if (key === undefined) throw new Error('the faucet chose a coin that is not its own');
      const signature = key.sign(signatureHash(unsigned, i, coin.output.script, SIGHASH.ALL));
      return script(encodeSignature(signature, SIGHASH.ALL), key.publicKey);
    });
    return { ...unsigned, inputs: inputs.map((input, i) => ({ ...input, script: signed[i] ?? input.script })) };
  }

  /** Its own coins that are mature and that the mempool does not spend: confirmed before unconfirmed, large before small. */
  #spendable(): OwnCoin[] {
    const next = this.#chain.tip.height + 1;
    const isOurs = ({ output }: UnspentCoin): boolean => this.#signers.has(bytesToHex(output.script));
    const isMature = ({ coinbase, height }: UnspentCoin): boolean => !coinbase || next - height >= this.#coin.coinbaseMaturity;
    const own = [...this.#chain.coins.all(), ...this.#mempoolReader()].filter(({ coin }) => isOurs(coin) && isMature(coin));
    const free = own.filter(({ outpoint }) => this.#pool.spenderOf(outpoint) === undefined);
    return free.sort((a, b) => confirmedFirst(a, b, next) || descending(a.coin.output.value, b.coin.output.value));
  }

  #mempoolReader(): OwnCoin[] {
    const height = this.#chain.tip.height + 1;
    return this.#pool.entries().flatMap(({ txid, transaction }) =>
      transaction.outputs.map((output, vout) => ({
        outpoint: { txid, vout },
        coin: { output, height, coinbase: false, version: transaction.version },
      })),
    );
  }
}

const EMPTY: Transaction = { version: 2, inputs: [], outputs: [], lockTime: 0 };

function confirmedFirst(a: OwnCoin, b: OwnCoin, next: number): number {
  return Number(a.coin.height === next) - Number(b.coin.height === next);
}

function descending(a: bigint, b: bigint): number {
  return a === b ? 0 : a > b ? -1 : 1;
}
