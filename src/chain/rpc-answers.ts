import * as z from 'zod';
import { type Amount, amount as toAmount } from '../core/base/amount.ts';
import { isTxId, parseHex, type TxId, txId } from '../core/base/bytes.ts';
import { type Height, height, isHeight } from '../core/base/height.ts';
import { decodeTransaction, type Transaction, type TxInput, type TxOutput, transactionId } from '../core/tx/transaction.ts';
import type { Waiting } from '../engine/ports.ts';
import { amountOf, integerOf, JsonNumber } from './json-number.ts';

// What pawment reads from each answer of a node; everything else is ignored. Numbers come as JsonNumber.

export interface ChainInfo {
  readonly blocks: Height;
  readonly headers: number;
  readonly bestblockhash: TxId;
  /** Unix time in seconds. */
  readonly mediantime: number;
  readonly initialblockdownload?: boolean | undefined;
  readonly pruned?: boolean | undefined;
  /** The lowest block that a pruned node keeps. */
  readonly pruneheight?: number | undefined;
}

export interface NetworkInfo {
  /** `1140700` is 1.14.7. */
  readonly version: number;
  readonly subversion: string;
  readonly connections: number;
  /** Median of the seconds by which its peers' clocks are ahead of its own. */
  readonly timeoffset: number;
  /** Rate per 1,000 bytes below which it relays nothing. */
  readonly relayfee?: Amount | undefined;
}

export interface MempoolInfo {
  /** Number of transactions. */
  readonly size: number;
  /** Rate per 1,000 bytes below which it accepts nothing now. */
  readonly mempoolminfee?: Amount | undefined;
}

export interface Unspent {
  /** The tip from which `confirmations` counts. */
  readonly bestblock: TxId;
  readonly confirmations: number;
  readonly value: Amount;
  readonly scriptPubKey: { readonly hex: Uint8Array };
  readonly coinbase: boolean;
}

export interface StatedTransaction {
  readonly txid: TxId;
  /**
   * Without witnesses. Undefined when nothing in the answer gives the stated id: then it is only in Litecoin's extension block, or the node is wrong.
   */
  readonly transaction: Transaction | undefined;
  /** Absent in the mempool. */
  readonly confirmations: number | undefined;
}

export interface BlockAnswer {
  readonly hash: TxId;
  readonly height: Height;
  /** -1 if it is not on the best chain. */
  readonly confirmations: number;
  readonly previousblockhash?: TxId | undefined;
  readonly tx: readonly StatedTransaction[];
}

function refined<In, Out>(schema: z.ZodType<In>, read: (value: In) => Out | undefined, what: string): z.ZodType<Out> {
  return schema.transform((value, context) => {
    const out = read(value);
    if (out !== undefined) return out;
    context.addIssue(`not ${what}`);
    return z.NEVER;
  });
}

const number = z.instanceof(JsonNumber);
const integer = refined(number, integerOf, 'a whole number');
const amount = refined(number, amountOf, 'an amount');
const count = refined(integer, (value) => (value >= 0 ? value : undefined), 'a count');
/** A number that a transaction stores in four bytes. */
const uint32 = refined(integer, (value) => (value >= 0 && value <= 0xffff_ffff ? value : undefined), 'a number of four bytes');
const bytes = refined(z.string(), parseHex, 'hex');
const blockHeight = refined(integer, (value) => (isHeight(value) ? height(value) : undefined), 'a height');

/** A block hash or a transaction id. */
export const hash: z.ZodType<TxId> = refined(z.string(), (text) => (isTxId(text) ? text : undefined), '64 lowercase hex digits');
export const hashes: z.ZodType<readonly TxId[]> = z.array(hash);

export const chainInfo: z.ZodType<ChainInfo> = z.object({
  blocks: blockHeight,
  headers: integer,
  bestblockhash: hash,
  mediantime: integer,
  initialblockdownload: z.boolean().optional(),
  pruned: z.boolean().optional(),
  pruneheight: integer.optional(),
});

export const header: z.ZodType<{ readonly height: Height }> = z.object({ height: blockHeight });

/** `gettxout`: null when spent or unknown. */
export const unspent: z.ZodType<Unspent | null> = z
  .object({ bestblock: hash, confirmations: count, value: amount, scriptPubKey: z.object({ hex: bytes }), coinbase: z.boolean() })
  .nullable();

/** Whole coins; negative where the node's owner told miners to count less (`prioritisetransaction`). */
const signedUnits = refined(
  number,
  ({ text }) => {
    const units = amountOf(new JsonNumber(text.replace(/^-/, '')));
    return units === undefined || !text.startsWith('-') ? units : -units;
  },
  'a sum',
);

/** `getmempoolentry`: Dogecoin Core 1.14 gives sums in units; later nodes have `fees`, in coins, and the newest only that. */
const fees = z.object({ base: amount, modified: signedUnits, descendant: signedUnits });
const flatFees = z
  .object({ fee: amount, modifiedfee: signedUnits, descendantfees: integer })
  .transform(({ fee, modifiedfee, descendantfees }) => ({ base: fee, modified: modifiedfee, descendant: BigInt(descendantfees) }));
const size = z.union([z.object({ vsize: count }), z.object({ size: count }).transform(({ size: vsize }) => ({ vsize }))]);

export const mempoolEntry: z.ZodType<Waiting> = z
  .union([z.object({ fees }).transform((entry) => entry.fees), flatFees])
  .and(size)
  .and(z.object({ ancestorcount: count }))
  .transform(({ base, modified, descendant, vsize, ancestorcount }) => ({
    fee: base,
    size: vsize,
    burden: toAmount(descendant > modified ? descendant - modified : 0n),
    // The node counts the transaction itself too.
    ancestors: Math.max(0, ancestorcount - 1),
  }));

/** `estimatesmartfee`: without an estimate Dogecoin Core 1.14 says -1, later nodes leave the field out. */
export const feeEstimate: z.ZodType<Amount | undefined> = z
  .object({ feerate: number.optional(), blocks: integer })
  .transform(({ feerate }) => (feerate === undefined ? undefined : amountOf(feerate)));

/** `getnetworkinfo`. */
export const networkInfo: z.ZodType<NetworkInfo> = z.object({
  version: integer,
  subversion: z.string(),
  connections: count,
  timeoffset: integer,
  relayfee: amount.optional(),
});

/** `getmempoolinfo`. */
export const mempoolInfo: z.ZodType<MempoolInfo> = z.object({ size: count, mempoolminfee: amount.optional() });

/** The outpoint in the input of a coinbase (`COutPoint::SetNull`). */
const NO_OUTPOINT = { txid: txId('0'.repeat(64)), vout: 0xffff_ffff };

// An input or output marked `ismweb` is in Litecoin's extension block; legacy ids don't commit to it.
const extension = z.object({ ismweb: z.literal(true) }).transform(() => undefined);
const coinbaseInput = z
  .object({ coinbase: bytes, sequence: uint32 })
  .transform(({ coinbase, sequence }): TxInput => ({ outpoint: NO_OUTPOINT, script: coinbase, sequence }));
const spendingInput = z
  .object({ txid: hash, vout: uint32, scriptSig: z.object({ hex: bytes }), sequence: uint32 })
  .transform(({ txid, vout, scriptSig, sequence }): TxInput => ({ outpoint: { txid, vout }, script: scriptSig.hex, sequence }));
const output = z
  .object({ value: amount, scriptPubKey: z.object({ hex: bytes }) })
  .transform(({ value, scriptPubKey }): TxOutput => ({ value, script: scriptPubKey.hex }));

/** `getrawtransaction`, not verbose. */
export const rawTransaction: z.ZodType<Uint8Array> = bytes;

/** A transaction of `getblock` 2, where Dogecoin Core 1.14 leaves out the hex, or of verbose `getrawtransaction`. */
export const transaction: z.ZodType<StatedTransaction> = z
  .object({
    txid: hash,
    hex: bytes.optional(),
    version: integer,
    locktime: uint32,
    vin: z.array(z.union([extension, coinbaseInput, spendingInput])),
    vout: z.array(z.union([extension, output])),
    confirmations: count.optional(),
  })
  .transform(({ txid, hex, version, locktime, vin, vout, confirmations }): StatedTransaction => {
    const decoded = hex && decodeTransaction(hex);
    const inputs = vin.filter((input) => input !== undefined);
    const outputs = vout.filter((each) => each !== undefined);
    // Newer nodes print the version as unsigned; serialised it is the same four bytes.
    const built: Transaction = { version: version | 0, inputs, outputs, lockTime: locktime };
    const found = [decoded, built].find((each) => each !== undefined && transactionId(each) === txid);
    return { txid, transaction: found, confirmations };
  });

export const block: z.ZodType<BlockAnswer> = z.object({
  hash,
  height: blockHeight,
  confirmations: integer,
  previousblockhash: hash.optional(),
  tx: z.array(transaction),
});
