import { secp256k1 } from '@noble/curves/secp256k1.js';
import { createRegtest } from '../../src/chain/regtest/regtest.ts';
import { answerBody } from '../../src/chain/regtest/rpc.ts';
import { writeJson } from '../../src/chain/regtest/rpc-json.ts';
import { methodsFor } from '../../src/chain/regtest/rpc-methods.ts';
import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex, concatBytes, hexToBytes, isTxId, type TxId } from '../../src/core/base/bytes.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { addressOf } from '../../src/core/tx/address.ts';
import { p2pkh, script } from '../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../src/core/tx/sighash.ts';
import { encodeSignature, type Signer } from '../../src/core/tx/sign.ts';
import { encodeTransaction, type Outpoint, type Transaction, type TxOutput, transactionId } from '../../src/core/tx/transaction.ts';
import { fastestSigner } from '../../src/engine/signer.ts';

const signerOf = fastestSigner();

/** A node by its calls alone, be it embedded or real. Errors come back as `code: message`. */
export interface NodeCalls {
  readonly coin: Coin;
  readonly call: (method: string, ...params: readonly unknown[]) => Promise<{ readonly result: unknown } | { readonly error: string }>;
}

/** An output of ours, with what is needed to spend it. */
export interface Owned {
  readonly outpoint: Outpoint;
  readonly output: TxOutput;
}

export interface SpendOptions {
  readonly version?: number;
  readonly lockTime?: number;
  readonly sequence?: number;
}

export const UNIT = 100_000_000n;
const MATURE_COINS = 12;
const MIN_DEPTH = 10;

export function testKey(n: number): Signer {
  return signerOf(hexToBytes((n + 1).toString(16).padStart(64, '0')));
}

const purse = testKey(0);
export const purseScript: Uint8Array = p2pkh(purse.publicKey);

export function unsigned(inputs: readonly Owned[], outputs: readonly TxOutput[], options: SpendOptions = {}): Transaction {
  const { version = 2, lockTime = 0, sequence = 0xffff_fffe } = options;
  return { version, inputs: inputs.map(({ outpoint }) => ({ outpoint, script: new Uint8Array(), sequence })), outputs, lockTime };
}

export function withInputScript(tx: Transaction, index: number, inputScript: Uint8Array): Transaction {
  return { ...tx, inputs: tx.inputs.map((input, i) => (i === index ? { ...input, script: inputScript } : input)) };
}

/** DER and hash type over `scriptCode`, by the n-th key. */
export function sign(tx: Transaction, index: number, scriptCode: Uint8Array, n = 0, hashType: number = SIGHASH.ALL): Uint8Array {
  return encodeSignature(testKey(n).sign(signatureHash(tx, index, scriptCode, hashType)), hashType);
}

/** The same signature with its s in the upper half of the order: valid, and not relayed. */
export function withHighS(signature: Uint8Array): Uint8Array {
  const { r, s } = secp256k1.Signature.fromBytes(signature.subarray(0, -1), 'der');
  const high = new secp256k1.Signature(r, secp256k1.Point.CURVE().n - s);
  return concatBytes(high.toBytes('der'), signature.subarray(-1));
}

/** A transaction that spends outputs of the purse, signed. */
export function spend(inputs: readonly Owned[], outputs: readonly TxOutput[], options: SpendOptions = {}): Transaction {
  const tx = unsigned(inputs, outputs, options);
  return inputs.reduce((signed, { output }, i) => withInputScript(signed, i, script(sign(tx, i, output.script), purse.publicKey)), tx);
}

/** The n-th output of a transaction as ours. */
export function ownedBy(tx: Transaction, vout: number): Owned {
  const output = tx.outputs[vout];
  if (output === undefined) throw new RangeError(`no output ${vout}`);
  return { outpoint: { txid: transactionId(tx), vout }, output };
}

export const hexOf = (tx: Transaction): string => bytesToHex(encodeTransaction(tx));

/** A node with a purse of mature, old coins; cases fund what they need from it. */
export class World {
  readonly node: NodeCalls;
  readonly coin: Coin;
  readonly #coins: Owned[] = [];

  private constructor(node: NodeCalls) {
    this.node = node;
    this.coin = node.coin;
  }

  /** `coins`: how many the purse holds. */
  static async open(node: NodeCalls, coins: number = MATURE_COINS): Promise<World> {
    const world = new World(node);
    const blocks = await world.mine(node.coin.coinbaseMaturity + coins + MIN_DEPTH);
    for (const hash of blocks.slice(0, coins)) world.#coins.push(await world.#coinbaseOf(hash));
    return world;
  }

  async ask(method: string, ...params: readonly unknown[]): Promise<unknown> {
    const answer = await this.node.call(method, ...params);
    if ('error' in answer) throw new Error(`${method}: ${answer.error}`);
    return answer.result;
  }

  /** Mines to the purse; returns the hashes. */
  async mine(count: number): Promise<string[]> {
    const hashes = await this.ask('generatetoaddress', count, addressOf(this.coin, purseScript));
    return list(hashes).map(String);
  }

  async height(): Promise<number> {
    return Number(await this.ask('getblockcount'));
  }

  /** Median time past of the tip, seconds. */
  async medianTime(): Promise<number> {
    return Number(member(await this.ask('getblockchaininfo'), 'mediantime'));
  }

  /** What the node says to the transaction: its id, or `code: message`. */
  async send(tx: Transaction | string, ...rest: readonly unknown[]): Promise<string> {
    const answer = await this.node.call('sendrawtransaction', typeof tx === 'string' ? tx : hexOf(tx), ...rest);
    return 'error' in answer ? answer.error : String(answer.result);
  }

  /** A mature coinbase of the purse, never used before. */
  take(): Owned {
    const coin = this.#coins.pop();
    if (coin === undefined) throw new Error('the purse is empty');
    return coin;
  }

  /** The coinbase of the newest block. */
  async newest(): Promise<Owned> {
    return this.#coinbaseOf(String(await this.ask('getbestblockhash')));
  }

  /** Unconfirmed outputs of these scripts and values, and the transaction that makes them; change is the last. */
  async fundUnconfirmed(...outputs: readonly TxOutput[]): Promise<{ readonly owned: Owned[]; readonly transaction: Transaction }> {
    const from = this.take();
    const change = from.output.value - outputs.reduce((sum, { value }) => sum + value, 0n) - this.coin.policy.feeRate * 10n;
    const transaction = spend([from], [...outputs, { value: change, script: purseScript }]);
    const answer = await this.send(transaction);
    if (!isTxId(answer)) throw new Error(`the node refused to fund the test: ${answer}`);
    return { owned: transaction.outputs.map((_, vout) => ownedBy(transaction, vout)), transaction };
  }

  /** The same, one block deep. */
  async fund(...outputs: readonly TxOutput[]): Promise<Owned[]> {
    const { owned } = await this.fundUnconfirmed(...outputs);
    await this.mine(1);
    return owned;
  }

  async #coinbaseOf(hash: string): Promise<Owned> {
    const txid = String(list(member(await this.ask('getblock', hash), 'tx'))[0]);
    const output = await this.ask('gettxout', txid, 0);
    return { outpoint: { txid: txidOf(txid), vout: 0 }, output: { value: unitsOf(member(output, 'value')), script: purseScript } };
  }
}

function txidOf(text: string): TxId {
  if (!isTxId(text)) throw new Error(`${text} is no transaction id`);
  return text;
}

/** Values of coinbases are whole enough for a JavaScript number. */
function unitsOf(value: unknown): bigint {
  return amount(BigInt(Math.round(Number(value) * 1e8)));
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no list`);
  return value;
}

export function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) throw new Error(`${JSON.stringify(value)} is no object`);
  return Reflect.get(value, key);
}

/** A node in this process, at a standing clock. */
export function embedded(coin: Coin, relay: 'local' | 'peer' = 'local'): NodeCalls {
  const regtest = createRegtest({ coin, now: () => 1_700_000_000_000 });
  const methods = methodsFor(regtest);
  return {
    coin,
    call: async (method, ...params) => {
      const text = JSON.stringify({ method, params });
      const { body } = answerBody({ regtest, relay }, methods, text);
      return readAnswer(JSON.parse(writeJson(body)));
    },
  };
}

/** The result in the body of an answer, or its error as `code: message`. */
export function readAnswer(body: unknown): { readonly result: unknown } | { readonly error: string } {
  const error = member(body, 'error');
  return error === null
    ? { result: member(body, 'result') }
    : { error: `${String(member(error, 'code'))}: ${String(member(error, 'message'))}` };
}
