import type { z } from 'zod';
import type { Amount } from '../core/base/amount.ts';
import { WorldError } from '../engine/ports.ts';
import { RpcError, type RpcOptions, type RpcParameter, rpcClient } from './json-rpc.ts';
import * as answer from './rpc-answers.ts';

/** What a node of any chain says of itself. Undefined: the node does not know it or does not say it. */
export interface NodeReport {
  /** Hash of block 0. */
  readonly genesis: string;
  readonly height: number;
  readonly headers: number;
  readonly isCatchingUp: boolean;
  /** Unix time in milliseconds: the median of the last eleven blocks' times. */
  readonly medianTime: number;
  readonly isPruned: boolean;
  /** The lowest block that a pruned node keeps. */
  readonly lowest?: number | undefined;
  readonly network?: answer.NetworkInfo | undefined;
  readonly mempool?: answer.MempoolInfo | undefined;
  /** Rate per 1,000 bytes for a transaction that is to be mined soon. */
  readonly estimate?: Amount | undefined;
}

/**
 * Asks a node everything at once, each call in its own request, since some nodes refuse a whole batch because of one forbidden call. @throws
 * WorldError
 */
export async function nodeReport(options: RpcOptions): Promise<NodeReport> {
  const [genesis, info, network, mempool, estimate] = await Promise.all([
    asked(options, answer.hash, 'getblockhash', 0),
    asked(options, answer.chainInfo, 'getblockchaininfo'),
    perhaps(asked(options, answer.networkInfo, 'getnetworkinfo')),
    perhaps(asked(options, answer.mempoolInfo, 'getmempoolinfo')),
    perhaps(asked(options, answer.feeEstimate, 'estimatesmartfee', 2)),
  ]);
  const { blocks, headers, mediantime, initialblockdownload, pruned, pruneheight } = info;
  const chain = { height: blocks, headers, medianTime: mediantime * 1000, isCatchingUp: initialblockdownload === true };
  return { genesis, ...chain, isPruned: pruned === true, lowest: pruneheight, network, mempool, estimate };
}

async function asked<T>(options: RpcOptions, schema: z.ZodType<T>, method: string, ...parameters: readonly RpcParameter[]): Promise<T> {
  try {
    const read = schema.safeParse(await rpcClient(options)(method, ...parameters));
    if (read.success) return read.data;
    throw new WorldError('node-refused', `The node's answer to ${method} makes no sense.`, 'Check that the address is a node of the coin.');
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    throw new WorldError('node-refused', `The node refuses ${method}: ${error.message}.`, "Check the node's version and settings.", error);
  }
}

function perhaps<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (error instanceof WorldError) return undefined;
    throw error;
  });
}
