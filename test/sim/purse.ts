import { bytesToHex, type TxId, txId } from '../../src/core/base/bytes.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { p2pkh, script } from '../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../src/core/tx/sighash.ts';
import { encodeSignature, type Signer } from '../../src/core/tx/sign.ts';
import { type Outpoint, outpointKey, type Transaction, type TxOutput } from '../../src/core/tx/transaction.ts';
import type { SimChain } from './chain.ts';

/** Bytes of a P2PKH input, and of everything that is neither input nor output. */
const INPUT_BYTES = 149;
const FRAME_BYTES = 14;
const OUTPUT_BYTES = 34;

export const REPLACEABLE = 0xffff_fffd;
export const LASTING = 0xffff_ffff;

/** A P2PKH output, in a block or in the mempool. */
export interface Coin {
  readonly outpoint: Outpoint;
  readonly value: bigint;
  readonly signer: Signer;
  readonly isMined: boolean;
}

export interface Spending {
  readonly coins: readonly Coin[];
  readonly outputs: readonly TxOutput[];
  /** Per 1,000 bytes; what is left over goes back to the purse. */
  readonly feeRate: bigint;
  readonly sequence?: number;
}

/** The money of somebody who knows the mempool better than any wallet: any coin, any rate, replaceable or not. */
export class Purse {
  /** Where its change goes, and its money comes from. */
  readonly script: Uint8Array;
  readonly #chain: SimChain;
  readonly #signers: ReadonlyMap<string, Signer>;

  /** `signers`: of all its outputs, that of its change first. */
  constructor(chain: SimChain, signers: readonly [Signer, ...Signer[]]) {
    this.#chain = chain;
    this.#signers = new Map(signers.map((signer) => [bytesToHex(p2pkh(signer.publicKey)), signer]));
    this.script = p2pkh(signers[0].publicKey);
  }

  signerOf(output: Uint8Array): Signer | undefined {
    return this.#signers.get(bytesToHex(output));
  }

  /** What it can spend now: confirmed coins first, the largest first. */
  coins(): readonly Coin[] {
    const spent = new Set(
      [...this.#chain.pool.values()].flatMap(({ transaction }) => transaction.inputs.map(({ outpoint }) => outpointKey(outpoint))),
    );
    const free: Coin[] = [];
    for (const [key, { value, script: output }] of this.#chain.outputs) {
      const signer = spent.has(key) ? undefined : this.signerOf(output);
      const [txid = '', vout] = key.split(':');
      if (signer !== undefined) free.push({ outpoint: { txid: txId(txid), vout: Number(vout) }, value, signer, isMined: true });
    }
    for (const { txid, transaction } of this.#chain.pool.values()) {
      free.push(...this.outputsOf(txid, transaction).filter(({ outpoint }) => !spent.has(outpointKey(outpoint))));
    }
    return free.sort((a, b) => Number(b.isMined) - Number(a.isMined) || Number(b.value - a.value));
  }

  /** Its own outputs of a transaction that waits. */
  outputsOf(txid: TxId, { outputs }: Transaction): readonly Coin[] {
    return outputs.flatMap(({ value, script: output }, vout) => {
      const signer = this.signerOf(output);
      return signer === undefined ? [] : [{ outpoint: { txid, vout }, value, signer, isMined: false }];
    });
  }

  /** Confirmed coins that pay for so much and the fee of it; undefined when there is not enough. */
  gather(value: bigint): readonly Coin[] | undefined {
    const taken: Coin[] = [];
    let sum = 0n;
    for (const one of this.coins().filter(({ isMined }) => isMined)) {
      if (sum >= value) break;
      taken.push(one);
      sum += one.value;
    }
    return sum >= value ? taken : undefined;
  }

  /** Undefined when the coins do not reach. */
  make({ coins, outputs, feeRate, sequence = REPLACEABLE }: Spending): Transaction | undefined {
    const size = BigInt(FRAME_BYTES + coins.length * INPUT_BYTES + (outputs.length + 1) * OUTPUT_BYTES);
    const fee = (size * feeRate + 999n) / 1000n;
    const rest = coins.reduce((sum, { value }) => sum + value, 0n) - outputs.reduce((sum, { value }) => sum + value, 0n) - fee;
    if (rest < 0n) return undefined;
    const back = rest >= coin.policy.dust ? [{ value: rest, script: this.script }] : [];
    if (outputs.length + back.length === 0) return undefined;
    const inputs = coins.map(({ outpoint }) => ({ outpoint, script: new Uint8Array(), sequence }));
    const bare: Transaction = { version: 2, inputs, outputs: [...outputs, ...back], lockTime: 0 };
    return {
      ...bare,
      inputs: inputs.map((input, i) => {
        const signer = coins[i]?.signer;
        if (signer === undefined) return input;
        const signature = signer.sign(signatureHash(bare, i, p2pkh(signer.publicKey), SIGHASH.ALL));
        return { ...input, script: script(encodeSignature(signature, SIGHASH.ALL), signer.publicKey) };
      }),
    };
  }
}
