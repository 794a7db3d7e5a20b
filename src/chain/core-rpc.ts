import type { z } from 'zod';
import { type Amount, amount, least } from '../core/base/amount.ts';
import { bytesToHex, type TxId } from '../core/base/bytes.ts';
import { after, type Height } from '../core/base/height.ts';
import type { Coin } from '../core/coin/coin.ts';
import { decodeTransaction, encodeTransaction, type Outpoint, type Transaction, transactionId } from '../core/tx/transaction.ts';
import { type Block, type Broadcast, type Chain, type NodeStatus, type Tip, type UnspentOutput, WorldError } from '../engine/ports.ts';
import { broadcastOutcome } from './broadcast-outcome.ts';
import { RpcError, type RpcOptions, type RpcParameter, rpcClient } from './json-rpc.ts';
import * as answer from './rpc-answers.ts';

// rpc/protocol.h
const INVALID_ADDRESS_OR_KEY = -5;
const INVALID_PARAMETER = -8;

/** How many outputs of a mined transaction are tried to find its block, where the node has no transaction index; fewer besides one that is given. */
const OUTPUTS_TRIED = 64;
const OUTPUTS_BESIDE = 2;
/** Blocks within which a fee estimate should confirm: the smallest number for which all nodes give one. */
const CONFIRM_WITHIN = 2;
/** An estimate above this many times the coin's own rate counts as an error of the node. */
const FEE_CEILING = 100n;
/** How often a question is asked again because the best chain changed between two calls. */
const ATTEMPTS = 5;

/**
 * A node of Dogecoin Core 1.14, Litecoin Core 0.21, or Bitcoin Core 28 and later, over JSON-RPC. Needs neither a wallet nor `-txindex`, and uses only
 * calls that all of them have. First, and after every silence, it checks that the node is on `coin`'s chain.
 */
export function coreRpc(coin: Coin, options: RpcOptions): Chain {
  const node = new Node(coin, options);
  return {
    coin,
    tip: () => tip(node),
    status: () => status(node),
    block: (height) => settled(() => block(node, height)),
    output: (outpoint) => output(node, outpoint),
    transaction: (txid, vout) => settled(() => transaction(node, txid, outputsTried(vout))),
    mempool: () => node.ask(answer.hashes, 'getrawmempool'),
    unconfirmed: (txid) => unconfirmed(node, txid),
    waiting: (txid) => node.find(INVALID_ADDRESS_OR_KEY, answer.mempoolEntry, 'getmempoolentry', txid),
    broadcast: (tx) => broadcast(node, tx),
    feeRate: () => feeRate(node),
  };
}

/** Checks that the chain is the right one and that answers have the right form. */
class Node {
  readonly coin: Coin;
  readonly #rpc: ReturnType<typeof rpcClient>;
  #checked: Promise<void> | undefined;

  constructor(coin: Coin, options: RpcOptions) {
    this.coin = coin;
    this.#rpc = rpcClient(options);
  }

  /** @throws RpcError when the node refuses this call; WorldError when it can't be asked or its answer makes no sense. */
  async call<T>(schema: z.ZodType<T>, method: string, ...parameters: readonly RpcParameter[]): Promise<T> {
    this.#checked ??= this.#checkChain();
    try {
      await this.#checked;
      return read(schema, method, await this.#rpc(method, ...parameters));
    } catch (error) {
      // After a silence, another node may answer.
      if (error instanceof WorldError) this.#checked = undefined;
      throw error;
    }
  }

  /** Like `call`, for calls that a healthy node never refuses. */
  async ask<T>(schema: z.ZodType<T>, method: string, ...parameters: readonly RpcParameter[]): Promise<T> {
    try {
      return await this.call(schema, method, ...parameters);
    } catch (error) {
      throw asWorldError(method, error);
    }
  }

  /** Like `call`; undefined when the node refuses with `code`, which means that there is no such thing. */
  async find<T>(code: number, schema: z.ZodType<T>, method: string, ...parameters: readonly RpcParameter[]): Promise<T | undefined> {
    try {
      return await this.call(schema, method, ...parameters);
    } catch (error) {
      if (error instanceof RpcError && error.code === code) return undefined;
      throw asWorldError(method, error);
    }
  }

  async #checkChain(): Promise<void> {
    const { id, genesis } = this.coin;
    const found = await this.#rpc('getblockhash', 0).catch((error: unknown) => {
      throw asWorldError('getblockhash', error);
    });
    if (read(answer.hash, 'getblockhash', found) === genesis) return;
    throw new WorldError(
      'node-wrong-chain',
      `the node is not on ${id}: its block 0 is ${found}`,
      `Use a node of ${id}, or set the coin to this node's.`,
    );
  }
}

function asWorldError(method: string, error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  const message = `the node refused ${method}: ${error.message} (${error.code})`;
  return new WorldError('node-refused', message, "Check the node's version and settings; its debug.log says more.", error);
}

function read<T>(schema: z.ZodType<T>, method: string, result: unknown): T {
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return unreadable(method, issue && `${issue.path.join('.')} ${issue.message}`, parsed.error);
}

function unreadable(method: string, why = '', cause?: unknown): never {
  const hint = 'pawment knows Dogecoin Core 1.14, Litecoin Core 0.21 and Bitcoin Core 28 and later.';
  throw new WorldError('node-refused', `the node's answer to ${method} makes no sense: ${why.trim()}`, hint, cause);
}

const MOVED = Symbol('the best chain changed in between');

async function settled<T>(attempt: () => Promise<T | typeof MOVED>): Promise<T> {
  for (let i = 0; i < ATTEMPTS; i++) {
    const found = await attempt();
    if (found !== MOVED) return found;
  }
  throw new WorldError('node-down', 'the best chain of the node keeps changing', 'Wait until its chain is stable.');
}

async function tip(node: Node): Promise<Tip> {
  const { tip: found, headers, isCatchingUp } = await status(node);
  if (isCatchingUp)
    throw new WorldError('node-behind', `the node is at block ${found.height} of ${headers}`, 'Wait until it has caught up.');
  return found;
}

async function status(node: Node): Promise<NodeStatus> {
  const { blocks, headers, bestblockhash, mediantime, initialblockdownload } = await node.ask(answer.chainInfo, 'getblockchaininfo');
  return {
    tip: { height: blocks, hash: bestblockhash },
    headers,
    medianTime: mediantime * 1000,
    // A regtest node says that it is catching up whenever its last block is a day old.
    isCatchingUp: initialblockdownload === true && node.coin.network !== 'regtest',
  };
}

async function block(node: Node, height: Height): Promise<Block | undefined | typeof MOVED> {
  const hash = await node.find(INVALID_PARAMETER, answer.hash, 'getblockhash', height);
  if (hash === undefined) return undefined;
  const found = await wholeBlock(node, hash, height);
  if (found.confirmations < 0) return MOVED;
  const transactions = found.tx.map(({ txid, transaction: tx }) => {
    return { txid, transaction: tx ?? unreadable('getblock', `nothing in it gives the id ${txid}`) };
  });
  return { height, hash: found.hash, previous: found.previousblockhash ?? '0'.repeat(64), transactions };
}

async function wholeBlock(node: Node, hash: TxId, height: Height): Promise<answer.BlockAnswer> {
  try {
    return await node.call(answer.block, 'getblock', hash, 2);
  } catch (error) {
    const lowest = error instanceof RpcError ? await lowestAbove(node, height) : undefined;
    if (lowest === undefined) throw asWorldError('getblock', error);
    throw new WorldError('node-pruned', `the node has deleted block ${height}`, hintFor(node, lowest), error);
  }
}

/**
 * For a block that can't be shown: the lowest block that a pruned node keeps, if that is above it, or that the node does not say which; undefined if
 * the node is not pruned. Nodes have several error texts for a block that they have deleted.
 */
async function lowestAbove(node: Node, height: Height): Promise<number | 'unsaid' | undefined> {
  const { pruned, pruneheight = 'unsaid' } = await node.ask(answer.chainInfo, 'getblockchaininfo');
  return pruned === true && (pruneheight === 'unsaid' || height < pruneheight) ? pruneheight : undefined;
}

/** For callers that need the block, such as a search. A follower of the chain continues without it. */
function hintFor({ coin }: Node, lowest: number | 'unsaid'): string {
  const whole = 'Use a node that keeps all blocks, or let this one fetch them again (-prune=0, -reindex).';
  // A search begins that many blocks before the height it is given.
  return lowest === 'unsaid'
    ? whole
    : `${whole} To search only the blocks it still has: pawment recover --birthday ${lowest + coin.channel.buried}.`;
}

async function output(node: Node, { txid, vout }: Outpoint): Promise<UnspentOutput | undefined> {
  const found = await node.ask(answer.unspent, 'gettxout', txid, vout, true);
  return found === null
    ? undefined
    : { value: found.value, script: found.scriptPubKey.hex, depth: found.confirmations, coinbase: found.coinbase };
}

type FoundTransaction = { readonly transaction: Transaction; readonly depth: number } | undefined;

/** From the mempool or the node's own index: on Dogecoin Core 1.14 that covers every transaction with an unspent output. */
async function transaction(node: Node, txid: TxId, outputs: readonly number[]): Promise<FoundTransaction | typeof MOVED> {
  const found = await node.find(INVALID_ADDRESS_OR_KEY, answer.transaction, 'getrawtransaction', txid, true);
  return found === undefined ? minedTransaction(node, txid, outputs) : withDepth(found);
}

/** As raw bytes: strangers can make the decoded form many times longer, and many are requested at once. */
async function unconfirmed(node: Node, txid: TxId): Promise<Transaction | undefined> {
  const bytes = await node.find(INVALID_ADDRESS_OR_KEY, answer.rawTransaction, 'getrawtransaction', txid, false);
  const decoded = bytes && decodeTransaction(bytes);
  if (bytes === undefined || (decoded !== undefined && transactionId(decoded) === txid)) return decoded;
  // Part of it is in Litecoin's extension block.
  return (await node.find(INVALID_ADDRESS_OR_KEY, answer.transaction, 'getrawtransaction', txid, true))?.transaction;
}

function outputsTried(vout: number | undefined): readonly number[] {
  const first = Array.from({ length: vout === undefined ? OUTPUTS_TRIED : OUTPUTS_BESIDE }, (_, at) => at);
  return vout === undefined || first.includes(vout) ? first : [vout, ...first];
}

/** Later nodes need the block's hash: the depth of an unspent output gives the block. */
async function minedTransaction(node: Node, txid: TxId, outputs: readonly number[]): Promise<FoundTransaction | typeof MOVED> {
  const found = await Promise.all(outputs.map((vout) => node.ask(answer.unspent, 'gettxout', txid, vout, false)));
  const unspent = found.find((each) => each !== null);
  if (unspent == null) return undefined;
  const { height } = await node.ask(answer.header, 'getblockheader', unspent.bestblock);
  const hash = await node.find(INVALID_PARAMETER, answer.hash, 'getblockhash', after(height, 1 - Math.max(1, unspent.confirmations)));
  if (hash === undefined) return MOVED;
  try {
    const stated = await node.call(answer.transaction, 'getrawtransaction', txid, true, hash);
    return stated.confirmations === undefined || stated.confirmations < 1 ? MOVED : withDepth(stated);
  } catch (error) {
    if (error instanceof RpcError) return MOVED;
    throw error;
  }
}

function withDepth({ transaction: tx, confirmations = 0 }: answer.StatedTransaction): FoundTransaction {
  return tx && { transaction: tx, depth: confirmations };
}

async function broadcast(node: Node, tx: Transaction): Promise<Broadcast> {
  try {
    // No second argument: on Dogecoin Core 1.14 it is a boolean (allow high fees), on later nodes an amount (the highest fee rate).
    await node.call(answer.hash, 'sendrawtransaction', bytesToHex(encodeTransaction(tx)));
    return { kind: 'accepted' };
  } catch (error) {
    const outcome = error instanceof RpcError ? broadcastOutcome(error) : undefined;
    if (outcome === undefined) throw asWorldError('sendrawtransaction', error);
    return outcome;
  }
}

/** The coin's own rate where the node has no estimate, has estimates switched off, or fails: a close at that rate is better than none. */
async function feeRate(node: Node): Promise<Amount> {
  const floor = node.coin.policy.feeRate;
  const estimate = await node.ask(answer.feeEstimate, 'estimatesmartfee', CONFIRM_WITHIN).catch(unlessRefused);
  if (estimate === undefined || estimate < floor) return floor;
  return least(estimate, amount(floor * FEE_CEILING));
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof WorldError && error.code === 'node-refused')) throw error;
}
