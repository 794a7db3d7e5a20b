import { txId } from '../../core/base/bytes.ts';
import { script } from '../../core/tx/script.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { makeBlock, NO_HASH, type RawBlock, REGTEST_BITS } from './block.ts';
import type { BlockChain } from './chain.ts';

export interface Template {
  /** Where the reward goes. */
  readonly payTo: Uint8Array;
  readonly transactions: readonly Transaction[];
  /** Fees of the transactions, added to the coinbase. */
  readonly fees: bigint;
  /** Header time in seconds; the clock's unless given, and never before the median time. */
  readonly time?: number;
}

/**
 * A block on the tip. Its coinbase contains the number of blocks that this chain has seen, so no two blocks are equal: unlike on the real node, a
 * block mined again right after `invalidateblock` is a different block.
 */
export function assemble(chain: BlockChain, { payTo, transactions, fees, time }: Template): RawBlock {
  const { tip, rules } = chain;
  const height = tip.height + 1;
  const extraNonce = new Uint8Array(4);
  new DataView(extraNonce.buffer).setUint32(0, chain.blocksSeen, true);
  const coinbase: Transaction = {
    version: 1,
    inputs: [{ outpoint: { txid: txId(NO_HASH), vout: 0xffff_ffff }, script: script(height, extraNonce), sequence: 0xffff_ffff }],
    outputs: [{ value: rules.subsidy(height) + fees, script: payTo }],
    lockTime: 0,
  };
  const fields = {
    version: rules.blockVersion,
    previous: tip.block.hash,
    time: time ?? Math.max(chain.time, tip.medianTime + 1),
    bits: REGTEST_BITS,
    nonce: 0,
  };
  return makeBlock(fields, [coinbase, ...transactions]);
}
